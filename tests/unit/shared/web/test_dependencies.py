"""If-Match accepts the product's ETag in the forms in which proxies return it, and nothing else."""

import pytest

from shared.web.dependencies import version_of
from shared.web.problems import HttpProblem
from shared.web.responses import etag

#: Apache adds `-gzip` and `-br`, Jetty `--gzip`, Rack's deflater and others `;br`; nginx makes the tag weak.
_SUFFIXES = ["", "-gzip", "--gzip", ";gzip", "-br", "--br", ";br", "-deflate", "-zstd", ";zstd"]


@pytest.mark.parametrize("suffix", _SUFFIXES)
def test_etag_with_the_suffix_of_a_proxy_is_accepted(suffix: str) -> None:
    assert [version_of(f'{weak}"2{suffix}"') for weak in ("", "W/")] == [2, 2]
    assert version_of(f' {etag(2)[:-1]}{suffix}" ') == 2


@pytest.mark.parametrize(
    "header",
    [
        "",
        "2",
        '"2',
        "*",
        '"two"',
        '""',
        '"-gzip"',
        '"2-"',
        '"2-gz"',
        '"2gzip"',
        '"2---gzip"',
        '"2-gzip-br"',
        '"2"-gzip',
        '"1", "2"',
        '"-2"',
        'W/"1234567890"',
        'w/"2"',
        '"٢"',
        '"2"\n"3"',
    ],
)
def test_other_tag_is_malformed(header: str) -> None:
    with pytest.raises(HttpProblem) as refusal:
        version_of(header)

    assert (refusal.value.status, refusal.value.code) == (400, "if-match-malformed")


def test_absent_tag_is_required() -> None:
    with pytest.raises(HttpProblem) as refusal:
        version_of(None)

    assert (refusal.value.status, refusal.value.code) == (428, "if-match-missing")
