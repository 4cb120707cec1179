"""Asks a server with nothing but Python's own library, as scripts do, and prints the answers as JSON, one a line.

Usage: python_client.py URL START END (times in seconds)
"""

import json
import sys
import urllib.error
import urllib.parse
import urllib.request


def ask(url, path, pairs, post=False):
    encoded = urllib.parse.urlencode(pairs)
    request = (
        urllib.request.Request(url + path, data=encoded.encode())
        if post
        else urllib.request.Request(f"{url}{path}?{encoded}")
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def main():
    url, start, end = sys.argv[1:]
    span = [("start", start), ("end", end)]
    for path, pairs in [
        ("/api/v1/query", [("query", "sort(requests_total)"), ("time", end)]),
        ("/api/v1/query", [("query", "sum("), ("time", end)]),
        ("/api/v1/query_range", [("query", "ended"), ("step", "15"), *span]),
        ("/api/v1/series", [("match[]", "ended"), ("match[]", 'special{kind="nan"}'), *span]),
        ("/api/v1/labels", [("match[]", "requests_total"), *span]),
    ]:
        for post in (False, True):
            print(json.dumps(ask(url, path, pairs, post), sort_keys=True))
    print(json.dumps(ask(url, "/api/v1/label/job/values", span), sort_keys=True))


main()
