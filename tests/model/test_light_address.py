"""Addresses of light witnesses: what they mean, and every mistake at once (decision 0036)."""

from __future__ import annotations

import pytest

from quorate.model.light_address import (
    AzureAddress,
    LightAddress,
    LightKind,
    S3Address,
    ShareAddress,
    read_light_address,
)
from quorate.model.problems import Problem, Refused


def problems(kind: LightKind, text: str) -> tuple[Problem, ...]:
    with pytest.raises(Refused) as caught:
        read_light_address(kind, text)
    return caught.value.problems


GOOD: list[tuple[LightKind, str, LightAddress]] = [
    ("share", "/mnt/witness", ShareAddress(path="/mnt/witness")),
    (
        "s3",
        "s3://witnesses?region=eu-central-1",
        S3Address(
            bucket="witnesses", prefix="", region="eu-central-1", endpoint="https://s3.eu-central-1.amazonaws.com"
        ),
    ),
    (
        "s3",
        "s3://my.witnesses/clusters/two_nodes/?endpoint=https://store.example:9000/s3/&region=here",
        S3Address(
            bucket="my.witnesses",
            prefix="clusters/two_nodes",
            region="here",
            endpoint="https://store.example:9000/s3",
        ),
    ),
    (
        "s3",
        "s3://witnesses/a?endpoint=http://[fd00::9]:9000",
        S3Address(bucket="witnesses", prefix="a", region="us-east-1", endpoint="http://[fd00::9]:9000"),
    ),
    (
        "azure",
        "azure://wit-nesses/clusters?account=contoso1",
        AzureAddress(
            container="wit-nesses",
            prefix="clusters",
            account="contoso1",
            endpoint="https://contoso1.blob.core.windows.net",
        ),
    ),
    (
        "azure",
        "azure://wit?account=contoso1&endpoint=http://127.0.0.1:10000/contoso1",
        AzureAddress(container="wit", prefix="", account="contoso1", endpoint="http://127.0.0.1:10000/contoso1"),
    ),
]


@pytest.mark.parametrize(("kind", "text", "meant"), GOOD, ids=[text for _, text, _ in GOOD])
def test_an_address_means_one_place(kind: LightKind, text: str, meant: LightAddress) -> None:
    assert read_light_address(kind, text) == meant


BAD: list[tuple[LightKind, str, list[str]]] = [
    ("share", "mnt/witness", ["light_address_relative"]),
    ("share", "s3://witnesses", ["light_address_relative"]),
    ("s3", "", ["light_address_form"]),
    ("s3", "witnesses", ["light_address_form"]),
    ("s3", "azure://witnesses?account=contoso", ["light_address_form"]),
    ("s3", "s3://", ["light_address_bucket", "light_address_region"]),
    ("s3", "s3://Witnesses?region=x", ["light_address_bucket"]),
    ("s3", "s3://wit..nesses?region=x", ["light_address_bucket"]),
    ("s3", "s3://witnesses?region=", ["light_address_region"]),
    ("s3", "s3://witnesses?region=a.b", ["light_address_region"]),
    ("s3", "s3://witnesses/../other?region=x", ["light_address_prefix"]),
    ("s3", "s3://witnesses/a//b?region=x", ["light_address_prefix"]),
    ("s3", "s3://witnesses/a%20b?region=x", ["light_address_prefix"]),
    ("s3", f"s3://witnesses/{'a' * 513}?region=x", ["light_address_prefix"]),
    ("s3", "s3://witnesses?region=x&region=y", ["light_address_option_twice"]),
    ("s3", "s3://witnesses?regoin=x&endpoint=https://a", ["light_address_option_unknown"]),
    ("s3", "s3://witnesses?region=x&", ["light_address_option_unknown"]),
    ("s3", "s3://witnesses?endpoint=ftp://a", ["light_address_endpoint"]),
    ("s3", "s3://witnesses?endpoint=store.example", ["light_address_endpoint"]),
    ("s3", "s3://witnesses?endpoint=https://a:0", ["light_address_endpoint"]),
    ("s3", "s3://witnesses?endpoint=https://a:65536", ["light_address_endpoint"]),
    ("s3", "s3://witnesses?endpoint=https://a/b?c=d", ["light_address_endpoint"]),
    ("s3", "s3://witnesses?endpoint=https://me:mine@a", ["light_address_secret"]),
    ("s3", "s3://witnesses?region=x&secret_access_key=s", ["light_address_secret"]),
    ("azure", "azure://witnesses", ["light_address_account"]),
    ("azure", "azure://witnesses?account=Contoso", ["light_address_account"]),
    ("azure", "azure://wit--nesses?account=contoso", ["light_address_container"]),
    ("azure", "azure://ab?account=contoso", ["light_address_container"]),
    ("azure", f"azure://{'a-' * 32}b?account=contoso", ["light_address_container"]),
    (
        "azure",
        "azure://witnesses?account=contoso&sig=abc&sv=2",
        ["light_address_secret", "light_address_option_unknown"],
    ),
    (
        "azure",
        "azure://W/a b?acount=contoso&account_key=s&endpoint=nowhere",
        [
            "light_address_prefix",
            "light_address_option_unknown",
            "light_address_secret",
            "light_address_container",
            "light_address_account",
            "light_address_endpoint",
        ],
    ),
]


@pytest.mark.parametrize(("kind", "text", "codes"), BAD, ids=[text[:60] for _, text, _ in BAD])
def test_everything_that_is_wrong_is_told_at_once(kind: LightKind, text: str, codes: list[str]) -> None:
    found = problems(kind, text)
    assert [problem.code for problem in found] == codes
    assert all(problem.remedy for problem in found)


def test_the_nearest_option_is_named() -> None:
    (problem,) = problems("s3", "s3://witnesses?regoin=x&endpoint=https://a")
    assert problem.remedy == "did you mean region?"


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("s3", "s3://witnesses?region=x&secret_access_key=hunter2"),
        ("s3", "s3://witnesses?endpoint=https://me:hunter2@a"),
        ("s3", "azure://witnesses?account_key=hunter2"),
        ("azure", "azure://witnesses?account=contoso&sig=hunter2"),
    ],
)
def test_a_secret_that_was_put_there_by_mistake_is_not_repeated(kind: LightKind, text: str) -> None:
    assert "hunter2" not in repr(problems(kind, text))
