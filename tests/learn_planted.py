"""A pytest plugin: do the tests of a question fail with each mistake of the catalogue?

In place of running the tests that were collected it plants one mistake after the other
in nn_helpers, each in a fork, and runs the question's tests until one fails. It prints
what survived.
"""

import os
import sys

from hypothesis import Phase, settings

import nn_helpers
from learn import cases, edition

# The first failure is enough: Hypothesis need not simplify it.
settings.register_profile("planted", phases=[Phase.explicit, Phase.generate],
                          database=None)
settings.load_profile("planted")


def pytest_runtestloop(session):
    """Plant all mistakes, in two processes, and fail if one survives."""
    source = (edition.PROJECT / "nn_helpers.py").read_text(encoding="utf-8")
    jobs = [*edition.mistakes()]
    pids = [fork(session, source, jobs[part::2]) for part in range(2)]
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
    assert codes == [0, 0], "a mistake survived the tests"
    return True


def fork(session, source, jobs):
    """Begin a process that plants some of the mistakes; return its id."""
    if pid := os.fork():
        return pid
    survived = 0
    for name, part, pairs, says in jobs:
        if (child := os.fork()) == 0:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os._exit(not fails(session, source, name, part, pairs))
        if os.waitpid(child, 0)[1]:
            survived = 1
            print(f"survived: {name}: {says}", file=sys.stderr, flush=True)
    os._exit(survived)


def fails(session, source, name, part, pairs):
    """Return whether a test fails with a mistake in the function of this name."""
    right = getattr(nn_helpers, part)
    exec(edition.planted(source, part, pairs), vars(nn_helpers))
    wrong = getattr(nn_helpers, part)
    question, words = cases.FUNCTIONS[name][0], part.split("_")
    items = [item for item in session.items  # training takes long
             if question == "e" or not item.get_closest_marker("e")]
    items.sort(key=lambda item: (not item.get_closest_marker(question),
                                 not any(word in item.name for word in words)))
    places = [vars(module) for module in list(sys.modules.values())]
    places += [item.callspec.params for item in items if hasattr(item, "callspec")]
    for place in places:
        for key in [key for key, value in place.items() if value is right]:
            place[key] = wrong
    for k, item in enumerate(items):
        item.config.hook.pytest_runtest_protocol(
            item=item, nextitem=items[k + 1] if k + 1 < len(items) else None)
        if session.testsfailed:
            return True
    return False
