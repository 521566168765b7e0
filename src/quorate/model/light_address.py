"""Where a light witness is kept, as one string, and everything that may be wrong in it (design §3, decision 0036).

Owns: the forms of the addresses. Does not know: who reaches them, or with which credentials: those never stand in an
address, because it goes into the cluster database. The forms:

    share   /path/of/a/folder
    s3      s3://BUCKET[/PREFIX]?region=NAME[&endpoint=URL]
    azure   azure://CONTAINER[/PREFIX]?account=NAME[&endpoint=URL]

How it works: nothing is decoded; a character that would need it is refused. What an address leaves out is completed
here and nowhere else, so that no node's environment can make it mean another place than on the other node.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Final, Literal

from quorate.model.base import Value
from quorate.model.problems import Problem, Refused, error

LightKind = Literal["share", "s3", "azure"]


class ShareAddress(Value, frozen=True, kw_only=True, tag="share"):
    """A folder on a share, the same path on every node."""

    path: str


class S3Address(Value, frozen=True, kw_only=True, tag="s3"):
    """A bucket, and what stands before the names of objects in it."""

    bucket: str
    prefix: str
    region: str
    endpoint: str


class AzureAddress(Value, frozen=True, kw_only=True, tag="azure"):
    """A container of a storage account, and what stands before the names of blobs in it."""

    container: str
    prefix: str
    account: str
    endpoint: str


LightAddress = ShareAddress | S3Address | AzureAddress

_S3_FORM: Final = "s3://BUCKET/PREFIX?region=NAME&endpoint=URL; only BUCKET, and region or endpoint, are needed"
_AZURE_FORM: Final = "azure://CONTAINER/PREFIX?account=NAME&endpoint=URL; only CONTAINER and account are needed"
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_CONTAINER: Final = re.compile(r"[a-z0-9](?:-?[a-z0-9]){2,62}")
_ACCOUNT: Final = re.compile(r"[a-z0-9]{3,24}")
_REGION: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
_SEGMENT: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")
_ENDPOINT: Final = re.compile(
    r"https?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?(?:/[A-Za-z0-9._-]+)*/?"
)
_LONGEST_PREFIX: Final = 512
_SECRETS: Final = ("key", "secret", "token", "sas", "sig", "password", "credential")


def read_light_address(kind: LightKind, text: str) -> LightAddress:
    """The address in `text`. Raises Refused with every problem found."""
    match kind:
        case "share":
            return _share(text)
        case "s3":
            return _s3(text)
        case "azure":
            return _azure(text)


def _share(text: str) -> ShareAddress:
    if not text.startswith("/") or "\0" in text:
        remedy = "give the absolute path that is the same on every node"
        raise Refused([error("light_address_relative", f"{text!r} is not absolute", where="witness", remedy=remedy)])
    return ShareAddress(path=text)


def _s3(text: str) -> S3Address:
    problems: list[Problem] = []
    bucket, prefix, options = _parts("s3", text, _S3_FORM, ("region", "endpoint"), problems)
    if not _BUCKET.fullmatch(bucket) or ".." in bucket:
        what = f"{bucket!r} is not the name of a bucket"
        remedy = "name it: 3 to 63 small letters, digits, dots and hyphens"
        problems.append(error("light_address_bucket", what, where="witness", remedy=remedy))
    region = options.get("region", "")
    if "region" in options and not _REGION.fullmatch(region):
        remedy = "name it as its provider does, such as eu-central-1, or leave it out beside an endpoint"
        problems.append(error("light_address_region", f"{region!r} is no region", where="region", remedy=remedy))
    elif not options.keys() & {"region", "endpoint"}:
        remedy = "add ?region=NAME for Amazon's own, ?endpoint=https://HOST for everybody else's"
        problems.append(error("light_address_region", "neither region nor endpoint", where="region", remedy=remedy))
    problems += _endpoint_problems(options)
    if problems:
        raise Refused(problems)
    endpoint = options.get("endpoint", f"https://s3.{region}.amazonaws.com").rstrip("/")
    return S3Address(bucket=bucket, prefix=prefix, region=region or "us-east-1", endpoint=endpoint)


def _azure(text: str) -> AzureAddress:
    problems: list[Problem] = []
    container, prefix, options = _parts("azure", text, _AZURE_FORM, ("account", "endpoint"), problems)
    if not 3 <= len(container) <= 63 or not _CONTAINER.fullmatch(container):
        what = f"{container!r} is not the name of a container"
        remedy = "name it: 3 to 63 small letters, digits and single hyphens"
        problems.append(error("light_address_container", what, where="witness", remedy=remedy))
    account = options.get("account", "")
    if not _ACCOUNT.fullmatch(account):
        what = f"{account!r} is not the name of a storage account" if "account" in options else "no storage account"
        remedy = "add ?account=NAME: 3 to 24 small letters and digits"
        problems.append(error("light_address_account", what, where="account", remedy=remedy))
    problems += _endpoint_problems(options)
    if problems:
        raise Refused(problems)
    endpoint = options.get("endpoint", f"https://{account}.blob.core.windows.net").rstrip("/")
    return AzureAddress(container=container, prefix=prefix, account=account, endpoint=endpoint)


def _parts(
    scheme: str, text: str, form: str, known: tuple[str, ...], problems: list[Problem]
) -> tuple[str, str, Mapping[str, str]]:
    """Bucket or container, prefix and options. Raises Refused where it is no such address at all."""
    if not text.startswith(f"{scheme}://"):
        what = f"{_without_options(text)!r} does not begin with {scheme}://"
        raise Refused([error("light_address_form", what, where="witness", remedy=f"write it like {form}")])
    place, _, query = text.removeprefix(f"{scheme}://").partition("?")
    name, _, prefix = place.partition("/")
    prefix = prefix.rstrip("/")
    if prefix and (len(prefix) > _LONGEST_PREFIX or not all(map(_SEGMENT.fullmatch, prefix.split("/")))):
        what = f"{prefix!r} cannot stand before the name of an object"
        remedy = f"use words of letters, digits, dots, hyphens and _, with / between them, {_LONGEST_PREFIX} characters"
        problems.append(error("light_address_prefix", what, where="witness", remedy=remedy))
    options: dict[str, str] = {}
    for option in query.split("&") if query else ():
        key, _, value = option.partition("=")
        if key in known and key in options:
            what, remedy = f"{key} stands there twice", "leave one of them out"
            problems.append(error("light_address_option_twice", what, where=key, remedy=remedy))
        elif key in known:
            options[key] = value
        else:
            problems.append(_unknown(key, known))
    return name, prefix, options


def _unknown(key: str, known: tuple[str, ...]) -> Problem:
    """Its value is not repeated: it may be a secret."""
    if any(word in key.lower() for word in _SECRETS):
        what = f"{key} does not belong into an address, which everybody can read in the cluster database"
        remedy = "put it into light-witness.toml on each node (docs/howto/light-witness.md), and make a new one"
        return error("light_address_secret", what, where="witness", remedy=remedy)
    near = difflib.get_close_matches(key, known, n=1)
    remedy = f"did you mean {near[0]}?" if near else f"there are: {', '.join(known)}"
    return error("light_address_option_unknown", f"there is no option {key!r}", where="witness", remedy=remedy)


def _endpoint_problems(options: Mapping[str, str]) -> list[Problem]:
    if "endpoint" not in options:
        return []
    endpoint = options["endpoint"]
    if "@" in endpoint:
        what = "the endpoint carries a name or a password, which everybody can read in the cluster database"
        remedy = "put credentials into light-witness.toml on each node, and make new ones"
        return [error("light_address_secret", what, where="endpoint", remedy=remedy)]
    matched = _ENDPOINT.fullmatch(endpoint)
    if matched is None or not 1 <= int(matched.group(1) or 1) <= 65535:
        what = f"{endpoint!r} is not an endpoint"
        remedy = "write it like https://HOST or https://HOST:PORT/PATH"
        return [error("light_address_endpoint", what, where="endpoint", remedy=remedy)]
    return []


def _without_options(text: str) -> str:
    return text.partition("?")[0]
