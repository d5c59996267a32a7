#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Count the single tests in meson's JUnit file. Prints the failed and the skipped, then the last
line: "N passed, N failed, N skipped". Exit 1 if one failed or none ran."""
import os
import re
import sys
import xml.etree.ElementTree as xml

passed = failed = skipped = 0
# Why a test was skipped stands only in what it said.
log = os.path.join(os.path.dirname(sys.argv[1]), "testlog.txt")
reasons = dict(re.findall(r"^ok \d+ - (\S+) # SKIP (.*)$", open(log, errors="replace").read(), re.M))
# What a test has said is in it as it was, control characters and all: XML has no place for those.
text = re.sub("[^\t\n\r -\ud7ff\ue000-\ufffd]", "?", open(sys.argv[1], errors="replace").read())
for suite in xml.fromstring(text.encode()):
    for case in suite.iter("testcase"):
        name = f'{suite.get("name")}: {case.get("name")}'
        problem = case.find("failure")
        if problem is None:
            problem = case.find("error")
        skip = case.find("skipped")
        if problem is not None:
            failed += 1
            print("failed:", name)
        elif skip is not None:
            skipped += 1
            print("skipped:", name + ":", reasons.get(case.get("name").split(" - ")[-1].strip(), "no reason was given"))
        else:
            passed += 1
print(f"{passed} passed, {failed} failed, {skipped} skipped")
sys.exit(failed > 0 or passed == 0)
