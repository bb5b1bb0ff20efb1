"""A pytest plugin: do the tests of a question fail with each mistake of the catalogue?

In place of running the tests that were collected it plants one mistake after the other
in nn_helpers and runs the question's tests until one fails. It prints what survived.
"""

import sys

import pytest
from hypothesis import Phase, settings

import nn_helpers
from learn import cases, notes

# The first failure is enough, Hypothesis need not simplify it; being slow is not one.
settings.register_profile("planted", phases=[Phase.explicit, Phase.generate],
                          database=None, deadline=None)
settings.load_profile("planted")


def pytest_runtestloop(session):
    """Plant all mistakes; those that survive are the run's failures."""
    source, caught, survived = notes.text("nn_helpers.py"), 0, 0
    for name, part, pairs, says in notes.mistakes():
        with pytest.MonkeyPatch.context() as patch:
            if fails(session, name, part, notes.planted(source, part, pairs), patch):
                caught += 1
            else:
                survived += 1
                print(f"survived: {name}: {says}", file=sys.stderr)
    print(f"{caught} mistakes are caught")
    session.testsfailed = survived
    return True


def fails(session, name, part, planted, patch):
    """Return whether a test fails with a mistake in this part of a function."""
    question, words = cases.FUNCTIONS[name][0], part.split("_")
    items = [item for item in session.items  # training takes long
             if question == "e" or not item.get_closest_marker("e")]
    items.sort(key=lambda item: (not item.get_closest_marker(question),
                                 not any(word in item.name for word in words)))
    right = getattr(nn_helpers, part)
    exec(planted, vars(nn_helpers))
    wrong = getattr(nn_helpers, part)
    setattr(nn_helpers, part, right)
    places = [vars(module) for module in list(sys.modules.values())]
    places += [item.callspec.params for item in items if hasattr(item, "callspec")]
    for place in places:
        for key in [key for key, value in place.items() if value is right]:
            patch.setitem(place, key, wrong)
    session.testsfailed = 0
    for item in items:
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
        if session.testsfailed:
            return True
    return False
