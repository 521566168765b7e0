"""The store of an address, with the credentials that were read, as obstore has it.

Owns: how the library is set: which place, which credentials, no retries, time-outs. Does not know: requests.

How it works: the library completes what it is not told from the environment. Two nodes that are started differently
would then look for their record in two places and both find themselves alone; so everything that makes up the place is
said here, and credentials come from the file wherever it names them.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, cast

from quorate.adapters.quorum_storage.witness_credentials import Credentials
from quorate.model.light_address import AzureAddress, S3Address

if TYPE_CHECKING:
    from obstore.store import (
        AzureAccessKey,
        AzureConfig,
        AzureSASToken,
        AzureStore,
        ClientConfig,
        RetryConfig,
        S3Config,
        S3Credential,
        S3Store,
    )

_NO_RETRIES: Final[RetryConfig] = {"max_retries": 0}


@dataclass(frozen=True, slots=True, repr=False)
class Opened:
    """A store, and what a request beside the library needs: signature and certificates."""

    store: S3Store | AzureStore
    sas_token: str
    context: ssl.SSLContext | None


def open_store(address: S3Address | AzureAddress, known: Credentials, limit_s: float) -> Opened:
    """Loads the library and asks nobody; `limit_s` bounds each request. Raises what the library raises."""
    client: ClientConfig = {
        "allow_http": address.endpoint.startswith("http://"),
        "connect_timeout": timedelta(seconds=limit_s),
        "timeout": timedelta(seconds=limit_s),
    }
    context = ssl.create_default_context() if known.ca else None
    if context is not None:
        context.load_verify_locations(cadata=known.ca.decode())
        client["root_certificate"] = known.ca
    sas_token = known.sas_token.lstrip("?")
    match address:
        case S3Address():
            return Opened(_s3(address, known, client), "", context)
        case AzureAddress():
            return Opened(_azure(address, known.account_key, sas_token, client), sas_token, context)


def _s3(address: S3Address, known: Credentials, client: ClientConfig) -> S3Store:
    from obstore.store import S3Store

    def keys() -> S3Credential:
        return {"access_key_id": known.access_key_id, "secret_access_key": known.secret_access_key, "expires_at": None}

    config = {
        "endpoint": address.endpoint,
        "aws_endpoint_url_s3": address.endpoint,
        "region": address.region,
        "conditional_put": "etag",
        "disable_bulk_delete": True,  # not every store has them
        "s3_express": False,
        "skip_signature": False,
        "virtual_hosted_style_request": False,
    }
    return S3Store(
        address.bucket,
        config=cast("S3Config", config),
        client_options=client,
        retry_config=_NO_RETRIES,
        credential_provider=keys if known.access_key_id else None,
    )


def _azure(address: AzureAddress, account_key: str, sas_token: str, client: ClientConfig) -> AzureStore:
    from obstore.store import AzureStore

    def key() -> AzureAccessKey:
        return {"access_key": account_key, "expires_at": None}

    def signature() -> AzureSASToken:
        return {"sas_token": sas_token, "expires_at": None}

    config: AzureConfig = {
        "endpoint": address.endpoint,
        "account_name": address.account,
        "skip_signature": False,
        "use_emulator": False,
        "use_fabric_endpoint": False,
    }
    return AzureStore(
        address.container,
        config=config,
        client_options=client,
        retry_config=_NO_RETRIES,
        credential_provider=key if account_key else signature if sas_token else None,
    )
