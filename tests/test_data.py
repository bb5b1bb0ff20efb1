"""MNIST's files, the functions that read and show them, and the toy network's file."""

import gzip
import hashlib
import shutil

import matplotlib.pyplot as plt
import numpy as np
import pytest

import nn_data
from networks import load_toy
from nn_data import DATA, SHA256, display_image, get_mnist_threes_nines

pytestmark = pytest.mark.data


def test_sizes_types_and_ranges_without_a_network(monkeypatch):
    monkeypatch.setattr("socket.socket", None)
    nn_data._read_idx.cache_clear()
    (X_train, y_train), (X_test, y_test) = get_mnist_threes_nines()
    assert X_train.shape == (12080, 28, 28) and X_test.shape == (2019, 28, 28)
    assert y_train.shape == (12080,) and y_test.shape == (2019,)
    for X in (X_train, X_test):
        assert X.dtype == np.float64 and X.min() == 0 and X.max() == 1
        assert np.array_equal(np.rint(255 * X) / 255, X)
    for y in (y_train, y_test):
        assert y.dtype.kind == "i" and set(y) == {0, 1}
    assert np.bincount(y_train).tolist() == [6131, 5949]
    assert np.bincount(y_test).tolist() == [1010, 1009]
    assert y_train[:10].tolist() == [1, 0, 0, 0, 1, 1, 0, 0, 1, 1]


def test_images_belong_to_their_labels_in_fresh_arrays():
    """Counts would not show a shifted label; the nearest class mean does."""
    get_mnist_threes_nines()[0][0][:] = -1
    (X_train, y_train), (X_test, y_test) = get_mnist_threes_nines()
    to_three, to_nine = (
        ((X_test - X_train[y_train == digit].mean(axis=0)) ** 2).sum(axis=(1, 2))
        for digit in (0, 1))
    assert np.mean((to_nine < to_three) == y_test) > 0.95


@pytest.fixture(scope="module")
def small_files(tmp_path_factory):
    """Return a folder with three images and labels in files of MNIST's format."""
    folder = tmp_path_factory.mktemp("data")
    for name in SHA256:
        shape = (3, 28, 28) if "images" in name else (3,)
        header = bytes([0, 0, 8, len(shape)]) + np.array(shape, ">u4").tobytes()
        pixels = np.arange(np.prod(shape), dtype=np.uint8).tobytes()
        (folder / name).write_bytes(gzip.compress(header + pixels, mtime=0))
    return folder


@pytest.fixture
def data(small_files, tmp_path, monkeypatch):
    """Return a copy of the small files, which are what is expected from now on."""
    folder = shutil.copytree(small_files, tmp_path / "data")
    monkeypatch.setattr(nn_data, "DATA", folder)
    monkeypatch.setattr(nn_data, "SHA256", {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
        for name in SHA256})
    return folder


def test_the_small_files_are_read(data):
    (X_train, y_train), (X_test, y_test) = get_mnist_threes_nines()
    assert np.array_equal(255 * X_train.ravel(), np.arange(3 * 784) % 256)
    assert np.array_equal(X_test, X_train) and y_train.tolist() == [0, 0, 0]


def recompressed(content):
    pixels = bytearray(gzip.decompress(content))
    pixels[-1] ^= 1
    return gzip.compress(bytes(pixels))


@pytest.mark.parametrize("harm", [
    None, recompressed, lambda content: content[:-10], lambda content: b"",
    lambda content: content[:12] + bytes([content[12] ^ 1]) + content[13:],
], ids=["missing", "recompressed", "cut off", "empty", "one bit"])
@pytest.mark.parametrize("name", SHA256)
def test_a_missing_or_damaged_file_is_named_with_the_way_out(data, name, harm):
    content = (data / name).read_bytes()
    (data / name).unlink()
    if harm:
        (data / name).write_bytes(harm(content))
    with pytest.raises(ValueError if harm else FileNotFoundError) as caught:
        get_mnist_threes_nines()
    fault = "damaged (its SHA-256 is another one)" if harm else "missing"
    way_out = "restore it with: git checkout -- data"
    assert str(caught.value) == f"{data / name} is {fault}; {way_out}"


def test_checksums_in_the_readme_are_the_files():
    readme = (DATA / "README.md").read_text()
    for name, checksum in SHA256.items():
        assert hashlib.sha256((DATA / name).read_bytes()).hexdigest() == checksum
        assert f"`{name}`" in readme and f"`{checksum}`" in readme


@pytest.mark.parametrize("shape, dtype", [
    ((28, 28), float), ((784,), float), ((28, 28), int)])
def test_display_image_draws_that_image(shape, dtype, monkeypatch):
    plt.switch_backend("Agg")
    shown = []
    monkeypatch.setattr(plt, "show", lambda: shown.append(plt.gcf()))
    image = (0.3 + 0.4 * np.random.default_rng(0).random(shape)).astype(dtype)
    display_image(image)
    [figure] = shown
    [drawn] = figure.axes[0].images
    assert np.array_equal(drawn.get_array(), image.reshape(28, 28))
    # Ink is dark, and a faint image stays faint: colours are not stretched to it.
    assert drawn.get_cmap().name == "gray_r" and drawn.get_clim() == (0, 1)
    assert figure.get_size_inches().tolist() == [2, 2] and not figure.axes[0].axison
    plt.close("all")


def test_toy_network_holds_the_courses_numbers():
    X_batch, y_batch, weight_matrices, biases = load_toy()
    arrays = [X_batch, y_batch, *weight_matrices, *biases]
    assert [a.shape for a in arrays] == [(2, 4), (2,), (4, 2), (2, 1), (1, 2), (1, 1)]
    assert {(type(a), a.dtype.str) for a in arrays} == {(np.ndarray, "<f8")}
    numbers = b"".join(a.tobytes() for a in arrays)  # bit for bit: no tolerance
    assert hashlib.sha256(numbers).hexdigest() == (
        "6cbaeedf2411d3c0b732b0a35994aaf1174e5fcfeee387eeb930f7568c8b8684")
    assert (X_batch[1, 2], biases[1][0, 0]) == (1.0908763442418186, -0.0107179189762918)
