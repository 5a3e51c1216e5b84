"""Runs the options of curl that README uses, for a machine without curl: `-sS`, `-X`, `-H` and `-d`."""

import argparse
import sys

import httpx


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("-s", "-S", action="store_true")
    parser.add_argument("-X", dest="method")
    parser.add_argument("-H", dest="headers", action="append", default=[])
    parser.add_argument("-d", dest="body")
    options = parser.parse_args()
    headers = dict(header.split(": ", maxsplit=1) for header in options.headers)
    method = options.method or ("GET" if options.body is None else "POST")
    sys.stdout.write(httpx.request(method, options.url, headers=headers, content=options.body, timeout=60).text)


if __name__ == "__main__":
    main()
