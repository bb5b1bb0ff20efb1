"""MNIST's files, the functions that read them, and the toy network's file."""

import gzip
import hashlib
import pickle
import shutil
import warnings

import matplotlib
import numpy as np
import pytest

import nn_data
from nn_data import DATA, PROJECT, SHA256, display_image, get_mnist_threes_nines

pytestmark = pytest.mark.data


def test_sizes_types_and_ranges():
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


def test_images_belong_to_their_labels():
    """A shifted label would go unseen by counts; the nearest class mean sees it."""
    (X_train, y_train), (X_test, y_test) = get_mnist_threes_nines()
    three, nine = (X_train[y_train == digit].mean(axis=0) for digit in (0, 1))
    to_three, to_nine = (
        ((X_test - mean) ** 2).sum(axis=(1, 2)) for mean in (three, nine)
    )
    assert np.mean((to_nine < to_three) == y_test) > 0.95


def test_each_call_gives_fresh_arrays():
    (first, _), _ = get_mnist_threes_nines()
    first[:] = -1
    (second, _), _ = get_mnist_threes_nines()
    assert second.min() == 0


def test_no_network_is_touched(monkeypatch):
    import socket

    def refuse(*arguments, **named):
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket, "socket", refuse)
    nn_data._read_idx.cache_clear()
    get_mnist_threes_nines()


@pytest.fixture
def copied_data(tmp_path, monkeypatch):
    for name in SHA256:
        shutil.copy(DATA / name, tmp_path)
    monkeypatch.setattr(nn_data, "DATA", tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", SHA256)
def test_missing_file_is_named_with_the_way_out(copied_data, name):
    (copied_data / name).unlink()
    with pytest.raises(
        FileNotFoundError, match="missing.*git checkout -- data"
    ) as caught:
        get_mnist_threes_nines()
    assert name in str(caught.value) and "\n" not in str(caught.value)


def truncate(path):
    path.write_bytes(path.read_bytes()[:-100])


def flip_one_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def empty(path):
    path.write_bytes(b"")


def alter_and_recompress(path):
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[-1] ^= 1
    path.write_bytes(gzip.compress(bytes(content)))


@pytest.mark.parametrize("harm", [truncate, flip_one_bit, empty, alter_and_recompress])
@pytest.mark.parametrize("name", SHA256)
def test_damaged_file_is_named_with_the_way_out(copied_data, name, harm):
    harm(copied_data / name)
    with pytest.raises(ValueError, match="damaged.* git checkout -- data$") as caught:
        get_mnist_threes_nines()
    assert name in str(caught.value) and "\n" not in str(caught.value)


def test_checksums_in_the_readme_are_the_files():
    readme = (DATA / "README.md").read_text()
    for name, checksum in SHA256.items():
        assert hashlib.sha256((DATA / name).read_bytes()).hexdigest() == checksum
        assert f"`{name}`" in readme and f"`{checksum}`" in readme


@pytest.mark.parametrize("shape", [(28, 28), (784,)])
def test_display_image_draws_that_image(shape, monkeypatch):
    import matplotlib.pyplot as plt

    matplotlib.use("Agg")
    image = 0.3 + 0.4 * np.random.default_rng(0).random(784).reshape(shape)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="FigureCanvasAgg is non-interactive")
        display_image(image)
    [drawn] = plt.gca().images
    assert np.array_equal(drawn.get_array(), image.reshape(28, 28))
    # Ink is dark, and a faint image stays faint: colours are not stretched to it.
    assert drawn.get_cmap().name == "gray_r" and drawn.get_clim() == (0, 1)
    plt.close("all")


@pytest.mark.parametrize("shape", [(27, 28), (785,), (1, 28, 28)])
def test_display_image_refuses_other_shapes(shape):
    with pytest.raises(ValueError, match="image must be"):
        display_image(np.zeros(shape))


def test_toy_network_holds_the_courses_numbers():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with open(PROJECT / "test_batch_weights_biases.pkl", "rb") as fn:
            (X_batch, y_batch, weight_matrices, biases) = pickle.load(fn)
    expected_X = [
        [
            0.9817849455617458,
            0.32574182295810183,
            0.3936760173327711,
            0.17309335830164496,
        ],
        [
            -0.3627097472007129,
            0.05783131824928253,
            1.0908763442418186,
            -0.19926157288007548,
        ],
    ]
    expected_W_0 = [
        [-0.004277419857381338, -0.0017593411205375704],
        [0.02597773388007592, 0.01450439097670718],
        [0.01462573428036798, 0.02592555039505862],
        [0.002159917231284379, 0.00019206840771245006],
    ]
    expected_W_1 = [[0.0045139958478313145], [-0.0002148607884772903]]
    expected_b_0 = [[-0.013802977609752794, -0.0055311164263622805]]
    expected_b_1 = [[-0.0107179189762918]]
    loaded = [X_batch, y_batch, *weight_matrices, *biases]
    expected = [
        expected_X,
        [1.0, 1.0],
        expected_W_0,
        expected_W_1,
        expected_b_0,
        expected_b_1,
    ]
    assert len(weight_matrices) == len(biases) == 2 and len(loaded) == len(expected)
    for array, values in zip(loaded, expected):
        assert type(array) is np.ndarray and array.dtype == np.float64
        assert array.tolist() == values  # bit for bit: no tolerance
