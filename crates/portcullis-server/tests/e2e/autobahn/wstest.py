# -*- coding: utf-8 -*-
"""The suite's own `wstest` (Python 2), which can be told to send fewer messages.

Each of the 216 cases of chapters 12 and 13 sends 1,000 messages and takes some seven seconds, nearly all of it in
Python. With AUTOBAHN_MESSAGES=50 they send 50 and everything else stays as it is: each payload, each size, each
fragmentation, each offer. Those are what finds faults; their number is a load test.
"""

import os
import sys

from autobahntestsuite import wstest  # First: it chooses Twisted's reactor.
from autobahntestsuite.case import Cases

messages = int(os.environ.get("AUTOBAHN_MESSAGES", "0"))
if messages:
    for case in Cases:
        if case.__name__.startswith(("Case12_", "Case13_")):
            case.DESCRIPTION = case.DESCRIPTION.replace("Send %d" % case.COUNT, "Send %d" % messages)
            case.COUNT = messages

sys.exit(wstest.run())
