"""axe-core, which looks for faults of accessibility in a page."""

from axe_playwright_python.sync_playwright import Axe

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]


def thin_out(page):
    """Leave one of all tokens and inline formulas that look alike, and long lines.

    For axe looks at the contrast of each of them, which takes most of its time.
    """
    page.evaluate("""() => {
        const seen = new Set();
        const look = one => one && [
            look(one.parentElement), one.tagName, one.className, one.style.cssText];
        for (const one of document.querySelectorAll(
                "pre span, math:not([display=block])"))
            if (seen.size === seen.add(look(one).flat(99).join()).size)
                one.replaceWith(one.textContent);
        document.body.normalize();
        for (const pre of document.querySelectorAll("pre"))
            for (const text of pre.childNodes)
                if (text.data) text.data = "\\n" + text.data.split("\\n").reduce(
                    (one, other) => one.length > other.length ? one : other) + "\\n";
    }""")


def faults(page, inside="html", ignored=(), rules=()):
    """Return what axe-core finds inside a selector, by all rules or only some.

    It is [(rule, element), ...].
    """
    kind, values = ("rule", rules) if rules else ("tag", RULES)
    options = {"runOnly": {"type": kind, "values": values},
               "rules": {rule: {"enabled": False} for rule in ignored},
               "resultTypes": ["violations"]}  # of other results one each is enough
    report = Axe().run(page, {"include": [[inside]]}, options).response
    assert report["passes"]  # so something was looked at
    return [(fault["id"], node["html"])
            for fault in report["violations"] for node in fault["nodes"]]
