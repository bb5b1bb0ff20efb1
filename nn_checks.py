"""Input validation for the network, and the dtype in which it computes.

NumPy accepts too much: an (n, 1) array next to an (n,) one becomes (n, n), a nan runs
through a whole training unseen, and a mask is dropped. So each function of the network
checks its arguments here, and each function here raises a ValueError that names the
argument, what it got and what it must be. float32 stays float32; all other numbers,
integers and booleans among them, are computed in float64.
"""

import contextlib
import functools
import numbers
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike

Array = np.ndarray
Activation = Callable[[Array], tuple[Array, Array]]
Arrays = Sequence[Array]
Activations = Sequence[Activation]
Cache = tuple[Array, Array, Array]
Seed = np.random.Generator | int | None

MAX_WEIGHTS = np.iinfo(np.intp).max // 8  # float64 numbers that can be addressed

# No floating-point warnings: a result too small for a float rounds to 0, as it should;
# one too large becomes infinite, and the next check reports it by name. Some libraries
# for matrix products warn of a division by zero where there is none.
quietly = functools.partial(np.errstate, all="ignore")


# ---- Numbers and arrays ------------------------------------------------------------

def floats(
    name: str, value: ArrayLike, ndim: int | None = None, *, may_be_empty: bool = False
) -> Array:
    """Return value as an array of finite floats, float32 or float64.

    Parameters
    ----------
    name
        What error messages call it.
    value
        Numbers, in an array or in lists.
    ndim
        The only number of dimensions allowed, 1 or 2.
    may_be_empty
        Whether an array without numbers is allowed, too.
    """
    rows = value if isinstance(value, list | tuple) else [value]
    if any(isinstance(row, np.ma.MaskedArray) for row in rows):
        raise ValueError(f"{name} must not be a masked array: its mask would be lost")
    try:
        array = np.asarray(value)
    except ValueError:
        raise ValueError(f"{name} must not have rows of unequal length") from None
    if array.dtype.kind not in "buif":
        raise ValueError(f"{name} must hold numbers, got dtype {array.dtype}")
    if array.dtype != np.float32:
        with quietly():
            array = array.astype(np.float64, copy=False)
    if ndim is not None and array.ndim != ndim:
        expected = {1: "(n,)", 2: "two-dimensional"}[ndim]
        raise ValueError(f"{name} must be {expected}, got shape {array.shape}")
    if array.size == 0 and not may_be_empty:
        raise ValueError(f"{name} must not be empty, got shape {array.shape}")
    with quietly():
        total = array.sum()  # finite only if all are, and quicker to test
    if not np.isfinite(total) and not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, but holds inf or nan")
    return array


def labels(name: str, y: ArrayLike, n: int) -> Array:
    """Return the n labels y as floats in [0, 1], shape (n,)."""
    y = floats(name, y)
    if y.shape != (n,):
        raise ValueError(f"{name} must have shape ({n},), got {y.shape}")
    if y.min() < 0 or y.max() > 1:
        raise ValueError(f"{name} must lie in [0, 1], got {y.min():g} to {y.max():g}")
    return y


def one_value(f_of_a: ArrayLike) -> float:
    """Return f(a), one finite number in double precision, as a float."""
    value = floats("f(a)", f_of_a)
    if value.ndim > 0:
        raise ValueError(f"f must return one number, got shape {value.shape}")
    if (dtype := np.asarray(f_of_a).dtype) in (np.float16, np.float32):
        raise ValueError(f"f must compute in float64, got {dtype}: its rounding would "
                         "hide small differences")
    return float(value)


def function(name: str, value: object) -> None:
    """Raise a ValueError unless value can be called."""
    if not callable(value):
        raise ValueError(f"{name} must be a function, got {value!r:.60}")


def whole_number(name: str, value: object, at_least: int) -> int:
    """Return value, a whole number, as an int."""
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not whole or value < at_least:  # type: ignore[operator]
        expected = f"a whole number >= {at_least}"
        raise ValueError(f"{name} must be {expected}, got {value!r:.60}")
    return int(value)  # type: ignore[call-overload]


def positive(name: str, value: object) -> float:
    """Return value, a positive finite number, as a float."""
    real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    with contextlib.suppress(OverflowError):  # 10**400 is a number, too large for float
        if real and 0 < (number := float(value)) < np.inf:  # type: ignore[arg-type]
            return number
    raise ValueError(f"{name} must be positive and finite, got {value!r:.60}")


def generator(rng: Seed) -> np.random.Generator:
    """Return rng if it is a Generator, else a new one with rng as its seed."""
    try:
        if isinstance(rng, bool):
            raise TypeError
        return np.random.default_rng(rng)
    except (TypeError, ValueError):
        raise ValueError(
            f"rng must be a Generator, a seed >= 0 or None, got {rng!r}"
        ) from None


def _length(value: object) -> int | None:
    """Return len(value), or None for what has none, such as a number or an iterator."""
    try:
        return len(value)  # type: ignore[arg-type]
    except TypeError:
        return None


def layer_pairs(layer_dims: Sequence[int]) -> list[tuple[int, int]]:
    """Return (d_in, d_out) of each layer: [784, 200, 1] gives (784, 200), (200, 1)."""
    listed = isinstance(layer_dims, Sequence | Array)
    if not listed or (_length(layer_dims) or 0) < 2:
        raise ValueError(f"layer_dims must hold 2 or more sizes, got {layer_dims!r}")
    dims = [whole_number("each of layer_dims", d, at_least=1) for d in layer_dims]
    pairs = list(zip(dims[:-1], dims[1:]))
    for d_in, d_out in pairs:
        if d_in * d_out > MAX_WEIGHTS:
            raise ValueError(f"layer_dims are too large, got {layer_dims!r:.60}")
    return pairs


# ---- Arguments that must fit together ----------------------------------------------

def probabilities(name: str, g: Array) -> None:
    """Raise a ValueError unless g lies between 0 and 1 and 1 / g is finite."""
    smallest = np.finfo(g.dtype).tiny
    if g.min() < smallest or g.max() >= 1:
        raise ValueError(
            f"{name} must be at least {smallest:.2g} and below 1, "
            f"got {g.min():g} to {g.max():g}"
        )


def layer(
    x: ArrayLike, W: ArrayLike, b: ArrayLike, activation_fn: Activation
) -> tuple[Array, Array, Array]:
    """Return x, W and b as floats if activation_fn(x W + b) can be computed."""
    x, W, b = floats("x", x, ndim=2), floats("W", W, ndim=2), floats("b", b)
    if x.shape[1] != W.shape[0]:
        raise ValueError(
            f"x {x.shape} and W {W.shape} do not fit: W must have {x.shape[1]} row(s)"
        )
    if b.shape != (1, W.shape[1]):
        raise ValueError(
            f"b must have shape (1, {W.shape[1]}) for W {W.shape}, got {b.shape}"
        )
    function("activation_fn", activation_fn)
    return x, W, b


def activated(result: tuple[Array, Array], shape: tuple) -> tuple[Array, Array]:
    """Return an activation's output and derivative, both of this shape."""
    if not isinstance(result, tuple) or len(result) != 2:
        raise ValueError("activation_fn must return output and derivative")
    out = floats("activation_fn's output", result[0])
    dout_ds = floats("activation_fn's derivative", result[1])
    if out.shape != shape or dout_ds.shape != shape:
        raise ValueError("activation_fn must return output and derivative, shaped as s")
    return out, dout_ds


def layer_lists(**lists: Sequence) -> None:
    """Raise a ValueError unless these are lists of one length, and not empty."""
    sizes = [_length(a) for a in lists.values()]
    if len(set(sizes)) > 1 or not sizes[0]:
        *names, last = lists
        *got, last_got = (
            type(a).__name__ if size is None else str(size)
            for a, size in zip(lists.values(), sizes)
        )
        raise ValueError(
            f"{', '.join(names)} and {last} must be lists of one length, "
            f"got {', '.join(got)} and {last_got}"
        )


def copies(parameters: Sequence[ArrayLike]) -> list[Array]:
    """Return the weights or biases as new arrays of floats."""
    return [floats("a weight or bias", a).copy() for a in parameters]


@contextlib.contextmanager
def in_layer(k: int) -> Iterator[None]:
    """Put the number of the layer before the message of a ValueError."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"layer {k}: {error}") from None


def one_neuron(out: Array) -> None:
    """Raise a ValueError unless the last layer's output is (n, 1)."""
    if out.shape[1] != 1:
        raise ValueError(f"the last layer must have one neuron, got {out.shape[1]}")


def caches(layer_caches: Sequence[Cache], n: int) -> None:
    """Raise a ValueError unless these are n examples' caches, first to last layer."""
    if not isinstance(layer_caches, Sequence):
        raise ValueError(f"layer_caches must be a list, got {layer_caches!r:.60}")
    if len(layer_caches) == 0:
        raise ValueError("layer_caches must hold a cache for each layer, got none")
    for k, cache in enumerate(layer_caches):
        # A matrix or a masked array multiplies by rules of its own.
        plain = isinstance(cache, tuple) and all(type(a) is Array for a in cache)
        if not plain or [(a.ndim, a.dtype.kind) for a in cache] != [(2, "f")] * 3:
            raise ValueError(
                f"layer_caches[{k}] must hold x, W and dout_ds, 2-d arrays of floats"
            )
    d_in = layer_caches[0][0].shape[1]
    for k, (x, W, dout_ds) in enumerate(layer_caches):
        d_out = 1 if k == len(layer_caches) - 1 else dout_ds.shape[1]
        expected = (n, d_in), (d_in, d_out), (n, d_out)
        found = x.shape, W.shape, dout_ds.shape
        if found != expected:
            raise ValueError(
                f"layer_caches[{k}] must hold x, W, dout_ds of shapes {expected} for a "
                f"dL_dg of {n}, got {found}"
            )
        d_in = d_out


def test_set(
    X_test: ArrayLike | None, y_test: ArrayLike | None, X_train: Array
) -> tuple[Array, Array]:
    """Return X_test (m, d) and its labels y_test (m,) as floats; m is 0 for two Nones.

    X_train is (N, d). Raises ValueError.
    """
    if X_test is None and y_test is None:
        return X_train[:0], np.zeros(0)
    if X_test is None or y_test is None:
        raise ValueError("X_test and y_test go together: give both, or None for both")
    X_test = floats("X_test", X_test, ndim=2)
    y_test = labels("y_test", y_test, len(X_test))
    if X_test.shape[1] != (d := X_train.shape[1]):
        raise ValueError(f"X_test must have {d} columns, got shape {X_test.shape}")
    return X_test, y_test
