"""Reads the reports of wstest and says what they come to: a line for each case that failed, a table, the sums.

    verdict.py CASES REPORT...      CASES is how many results there must be, 0 for any number

A peer that agrees to compression and then sends everything as it is passes each case of the suite. So there is a second
table: what was compressed, by group of cases. A group in which nothing was fails.
"""

import collections
import json
import os
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


class Group:
    """What the cases of one group, such as 13.2, sent in each direction, in bytes."""

    def __init__(self):
        self.cases = self.messages = 0
        self.sent, self.sent_plain = 0, 0
        self.received, self.received_plain = 0, 0

    def add(self, traffic):
        self.cases += 1
        self.messages += traffic["incomingWebSocketMessages"]
        # The suite's incoming is what the peer under test sent.
        self.sent += traffic["incomingOctetsWebSocketLevel"]
        self.sent_plain += traffic["incomingOctetsAppLevel"]
        self.received += traffic["outgoingOctetsWebSocketLevel"]
        self.received_plain += traffic["outgoingOctetsAppLevel"]


def print_traffic(groups):
    print("\n| compression | cases | messages | sent, of its length | received, of its length |")
    print("|---|---|---|---|---|")
    for name in sorted(groups, key=number):
        group = groups[name]
        sent, received = group.sent / group.sent_plain, group.received / group.received_plain
        print(f"| {name} | {group.cases} | {group.messages} | {sent:.0%} | {received:.0%} |")
    print()


def main(expected, reports):
    results = {}
    groups = collections.defaultdict(Group)
    for report in reports:
        with open(report) as file:
            for cases in json.load(file).values():
                results.update(cases)
                for case, result in cases.items():
                    if number(case)[0] not in (12, 13):
                        continue
                    with open(os.path.join(os.path.dirname(report), result["reportfile"])) as details:
                        traffic = json.load(details)["trafficStats"]
                    if traffic:
                        groups[case.rpartition(".")[0]].add(traffic)

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

    if groups:
        print_traffic(groups)
    for name in sorted(groups, key=number):
        if groups[name].sent >= groups[name].sent_plain:
            failed += 1
            print(f"group {name}: nothing that was sent is shorter for compression")
    if expected and len(results) != expected:
        failed += 1
        print(f"{len(results)} cases ran; {expected} were expected")
    print(f"{len(results) - min(failed, len(results))} passed, {failed} failed")
    return 1 if failed or not results else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
