"""Runs axe-core on the page that a browser shows. The package axe-playwright-python of PyPI brings it along; nothing else of
that package is used."""

import importlib.util
import pathlib

RUN = """
const { violations, incomplete, passes } = await axe.run(document, { resultTypes: ["violations", "incomplete"] })
const told = rules => rules.flatMap(({ id, nodes }) => nodes.map(node =>
    `${id} at ${node.target.join(" ")}: ${[...node.any, ...node.all, ...node.none].map(check => check.message).join("; ")}`))
return { violations: told(violations), undecided: told(incomplete), passed: passes.length }
"""


def axe(browser):
    """What violates a rule, what axe-core could not decide, and how many rules are kept."""
    package = pathlib.Path(importlib.util.find_spec("axe_playwright_python").origin).parent
    browser.run((package / "axe.min.js").read_text())
    return browser.run(RUN)


def check_axe(browser, expect, what):
    found = axe(browser)
    expect(found["violations"] == [] and found["passed"] > 15, f"axe-core finds nothing, {what} ({found['passed']} rules kept): {found['violations'][:3]}")
