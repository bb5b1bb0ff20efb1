"""MNIST's files, the functions that read and show them, and the toy network's file."""

import hashlib
import shutil

import matplotlib.pyplot as plt
import numpy as np
import pytest

import nn_data
from networks import load_toy
from nn_data import DATA, SHA256, display_image, get_mnist_threes_nines

pytestmark = pytest.mark.data


def test_images_and_labels_as_mnist_has_them_without_a_network(monkeypatch):
    monkeypatch.setattr("socket.socket", None)
    nn_data._read_idx.cache_clear()
    get_mnist_threes_nines()[0][0][:] = -1  # the next call gives new arrays
    (X_train, y_train), (X_test, y_test) = get_mnist_threes_nines()
    assert X_train.shape == (12080, 28, 28) and X_test.shape == (2019, 28, 28)
    for X, y in [(X_train, y_train), (X_test, y_test)]:
        assert X.dtype == np.float64 and X.min() == 0 and X.max() == 1
        assert np.array_equal(np.rint(255 * X) / 255, X)
        assert y.dtype.kind == "i" and y.shape == X.shape[:1]
    assert np.bincount(y_train).tolist() == [6131, 5949]
    assert np.bincount(y_test).tolist() == [1010, 1009]
    assert y_train[:10].tolist() == [1, 0, 0, 0, 1, 1, 0, 0, 1, 1]
    # Counts would not show a shifted label; the nearest class mean does.
    to_three, to_nine = (
        ((X_test - X_train[y_train == digit].mean(axis=0)) ** 2).sum(axis=(1, 2))
        for digit in (0, 1))
    assert np.mean((to_nine < to_three) == y_test) > 0.95


@pytest.mark.parametrize("harm", [
    None, lambda content: content[:-10], lambda content: b"",
    lambda content: content[:12] + bytes([content[12] ^ 1]) + content[13:],
], ids=["missing", "cut off", "empty", "one bit"])
@pytest.mark.parametrize("name", SHA256)
def test_a_missing_or_damaged_file_is_named_with_the_way_out(
        name, harm, tmp_path, monkeypatch):
    data = shutil.copytree(DATA, tmp_path / "data")
    monkeypatch.setattr(nn_data, "DATA", data)
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
