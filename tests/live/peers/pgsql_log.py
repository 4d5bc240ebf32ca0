"""The statements that a PostgreSQL csvlog says were executed, one by one: pgsql_log.py FILE -> JSON list.

The simple protocol logs a whole query string before it splits it: the test's strings have no `;` inside literals.
"""
import csv
import json
import re
import sys

statements = []
with open(sys.argv[1], newline="") as file:
    for row in csv.reader(file):
        message = row[13]
        if message.startswith("statement: "):
            statements += [part for part in message.removeprefix("statement: ").split(";") if part.strip()]
        elif match := re.match(r"(?:execute|execute fetch from) [^:]*: (.*)", message, re.S):
            statements.append(match[1])
json.dump(statements, sys.stdout)
