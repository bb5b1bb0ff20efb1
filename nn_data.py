"""MNIST's threes and nines, read from the files in data/."""

import functools
import hashlib
from pathlib import Path

import matplotlib.pyplot as plt
import mnist

import nn_checks as check
from nn_checks import Array

PROJECT = Path(__file__).resolve().parent
DATA = PROJECT / "data"
SHA256 = {
    "train-images-idx3-ubyte.gz":
        "c5f72039caf4dfba219a04bb64a1ee56d747767a68628bdc08be3fcb225749c2",
    "train-labels-idx1-ubyte.gz":
        "1e1e6fe448c26c6724fe5ba13ff9fd3e4135beb35f77f950fb3eab5a6175fa97",
    "t10k-images-idx3-ubyte.gz":
        "1af16d4914967b0c3e0b6c30848b904cd8a6f777b1039effa97be9724ebb06a4",
    "t10k-labels-idx1-ubyte.gz":
        "44341127fffb0bc8b4e39b128015737db6c2775ac2d83d6664ce12937cfddbd8",
}


def get_mnist_threes_nines() -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Return MNIST's threes and nines as (X_train, y_train), (X_test, y_test).

    X_train is (12080, 28, 28) and X_test (2019, 28, 28), float64 in [0, 1]: 0 is paper
    and 1 is ink. y_train and y_test are integers, 0 for a three and 1 for a nine. The
    arrays are new at each call. Raises FileNotFoundError if a file in data/ is missing,
    ValueError if one differs from the original; both say how to restore it.
    """
    return _split("train"), _split("t10k")


def _split(prefix: str) -> tuple[Array, Array]:
    images = _read_idx(DATA / f"{prefix}-images-idx3-ubyte.gz")
    labels = _read_idx(DATA / f"{prefix}-labels-idx1-ubyte.gz")
    return images / 255, (labels == 9).astype(int)


@functools.cache
def _read_idx(path: Path) -> Array:
    """Return the unsigned bytes in one of MNIST's files, if it is intact."""
    way_out = "restore it with: git checkout -- data"
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; {way_out}")
    if hashlib.sha256(path.read_bytes()).hexdigest() != SHA256[path.name]:
        raise ValueError(f"{path} is damaged (its SHA-256 is another one); {way_out}")
    return mnist.download_and_parse_mnist_file(path.name, target_dir=str(path.parent))


def display_image(image: Array) -> None:
    """Show one image in [0, 1], (28, 28) or flattened to (784,), as ink on paper.

    Raises ValueError if it has another shape, or a pixel that is not finite.
    """
    image = check.floats("image", image)
    if image.shape not in [(28, 28), (784,)]:
        raise ValueError(f"image must be (28, 28) or (784,), got shape {image.shape}")
    plt.figure(figsize=(2, 2))
    plt.imshow(image.reshape(28, 28), cmap="gray_r", vmin=0, vmax=1)
    plt.axis("off")
    plt.show()
