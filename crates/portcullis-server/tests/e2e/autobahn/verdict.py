"""Reads the reports of wstest and says what they come to: a line for each case that failed, a table, the sums.

    verdict.py CASES REPORT...      CASES is how many results there must be, 0 for any number
"""

import collections
import json
import sys

GOOD = ("OK", "INFORMATIONAL")
COLUMNS = ("OK", "INFORMATIONAL", "NON-STRICT", "FAILED", "UNIMPLEMENTED")


def number(case):
    return [int(part) for part in case.split(".")]


def verdict(result):
    """One word for a case. A connection that is not closed as it should be has failed, whatever came before."""
    if result["behaviorClose"] not in GOOD:
        return "FAILED"
    return result["behavior"] if result["behavior"] in COLUMNS else "FAILED"


def main(expected, reports):
    results = {}
    for report in reports:
        with open(report) as file:
            for cases in json.load(file).values():
                results.update(cases)

    chapters = collections.defaultdict(collections.Counter)
    failed = 0
    for case in sorted(results, key=number):
        word = verdict(results[case])
        chapters[number(case)[0]][word] += 1
        if word not in GOOD:
            failed += 1
            print(f"case {case}: {results[case]['behavior']}, closing {results[case]['behaviorClose']}")

    print("| chapter | " + " | ".join(COLUMNS) + " |")
    print("|---" * (len(COLUMNS) + 1) + "|")
    total = collections.Counter()
    for chapter in sorted(chapters):
        total.update(chapters[chapter])
        print(f"| {chapter} | " + " | ".join(str(chapters[chapter][column]) for column in COLUMNS) + " |")
    print("| all | " + " | ".join(str(total[column]) for column in COLUMNS) + " |")

    if expected and len(results) != expected:
        failed += 1
        print(f"{len(results)} cases ran; {expected} were expected")
    print(f"{len(results) - min(failed, len(results))} passed, {failed} failed")
    return 1 if failed or not results else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
