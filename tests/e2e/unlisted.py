"""unlisted.py SUITE.CASE...: fails if a suite has a case that is not among these. A case that nobody runs proves nothing."""

import glob
import importlib
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))


def Cases(suite):
    """The classes of `suite` that have tests, without those that it only imports."""
    module = importlib.import_module(suite)
    for case in vars(module).values():
        if isinstance(case, type) and issubclass(case, unittest.TestCase) and case.__module__ == suite and unittest.defaultTestLoader.getTestCaseNames(case):
            yield f"{suite}.{case.__name__}"


def main():
    suites = sorted(os.path.basename(path).removesuffix(".py") for path in glob.glob(os.path.join(HERE, "*_test.py")))
    cases = [case for suite in suites for case in Cases(suite)]
    unlisted = sorted(set(cases) - set(sys.argv[1:]))
    print(f"{len(cases)} cases in {len(suites)} suites")
    for case in unlisted:
        print(f"{case} is run by no test of e2e.cmake")
    sys.exit(1 if unlisted or not cases else 0)


if __name__ == "__main__":
    main()
