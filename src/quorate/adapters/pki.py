"""The two certificate authorities of a cluster and what they sign (design §8).

Owns: how authorities, node certificates and user certificates look, and the files in which a node keeps them. The node
authority signs what etcd and the REST server show; the user authority signs the clients of the REST face and nothing
else, because etcd accepts whatever its authority signed. A user's role stands in the organisational unit.
Does not know: who may ask for a certificate, or where the folder lies. The only module that loads `cryptography`.
How it works: pure functions from PEM bytes to PEM bytes; `write_files` puts them down. Keys are EC P-256.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_DAYS: Final = 20 * 365
NODE_DAYS: Final = 10 * 365
USER_DAYS: Final = 3 * 365
BACKDATED_HOURS: Final = 24
"""Certificates are valid from a day ago, because the clocks of two machines that meet for the first time may differ."""

NODE_CA, NODE_CA_KEY = "node-ca.pem", "node-ca.key"
USER_CA, USER_CA_KEY = "user-ca.pem", "user-ca.key"
NODE, NODE_KEY = "node.pem", "node.key"
API, API_KEY = "api.pem", "api.key"
HEARTBEAT_KEY: Final = "heartbeat.key"
HEARTBEAT_KEY_BYTES: Final = 32
NODE_UNIT: Final = "node"
"""Organisational unit of certificates that the node authority signs."""


class BadRequest(ValueError):
    """The certificate request is not one, or was not signed with its own key."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate with its private key, both PEM."""

    certificate: bytes
    key: bytes


def make_authority(common_name: str) -> Issued:
    """A self-signed authority that may sign leaves only."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    builder = (
        _builder(name, name, key.public_key(), AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return Issued(_pem(builder.sign(key, hashes.SHA256())), _key_pem(key))


def make_key() -> bytes:
    """A new private key."""
    return _key_pem(ec.generate_private_key(ec.SECP256R1()))


def make_request(key: bytes, common_name: str) -> bytes:
    """A certificate request for that key: it proves that whoever asks holds the key."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(_load_key(key), hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM)


def request_key_hash(request: bytes) -> str:
    """SHA-256 of the public key in a request, in hexadecimal. Raises BadRequest."""
    digest = hashes.Hash(hashes.SHA256())
    digest.update(_public_bytes(_requested_key(request)))
    return digest.finalize().hex()


def sign_node(authority: Issued, request: bytes, common_name: str, places: Iterable[str]) -> bytes:
    """A node's certificate: etcd server, client and peer in one, valid for `places` (addresses and names).

    Nothing but the public key is taken from the request. Raises BadRequest.
    """
    public = _requested_key(request)
    usage = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    alternatives = x509.SubjectAlternativeName([_general_name(place) for place in dict.fromkeys(places) if place])
    return _sign_leaf(authority, public, common_name, NODE_UNIT, NODE_DAYS, usage, alternatives)


def issue_user(authority: Issued, common_name: str, role: str) -> Issued:
    """A client certificate for the REST face."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _sign_leaf(
        authority, key.public_key(), common_name, role, USER_DAYS, [ExtendedKeyUsageOID.CLIENT_AUTH], None
    )
    return Issued(certificate, _key_pem(key))


def fingerprint(certificate: bytes) -> bytes:
    """SHA-256 of a certificate in PEM."""
    return x509.load_pem_x509_certificate(certificate).fingerprint(hashes.SHA256())


def matches(certificate: bytes, key: bytes) -> bool:
    """Whether the certificate belongs to that private key."""
    public = x509.load_pem_x509_certificate(certificate).public_key()
    return _public_bytes(public) == _public_bytes(_load_key(key).public_key())


def write_files(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write new files into a folder of their own, keys readable by their owner alone, all on disk when this returns."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, content in contents.items():
        mode = 0o600 if name.endswith(".key") else 0o644
        descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _builder(
    subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey, days: int
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=BACKDATED_HOURS))
        .not_valid_after(now + dt.timedelta(days=days))
    )


def _sign_leaf(
    authority: Issued,
    public: ec.EllipticCurvePublicKey,
    common_name: str,
    unit: str,
    days: int,
    usage: list[x509.ObjectIdentifier],
    alternatives: x509.SubjectAlternativeName | None,
) -> bytes:
    signer = x509.load_pem_x509_certificate(authority.certificate)
    key = _load_key(authority.key)
    # etcd 3.4 takes a client's common name for a user of its own and logs a warning at every request that comes through
    # its gateway; so a node's name stands in another attribute (and among the alternative names).
    named = NameOID.PSEUDONYM if unit == NODE_UNIT else NameOID.COMMON_NAME
    subject = x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit), x509.NameAttribute(named, common_name)]
    )
    builder = (
        _builder(subject, signer.subject, public, days)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usage), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
    )
    if alternatives is not None:
        builder = builder.add_extension(alternatives, critical=False)
    return _pem(builder.sign(key, hashes.SHA256()))


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(place: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(place))
    except ValueError:
        return x509.DNSName(place)


def _load_key(key: bytes) -> ec.EllipticCurvePrivateKey:
    loaded = serialization.load_pem_private_key(key, password=None)
    if not isinstance(loaded, ec.EllipticCurvePrivateKey):
        raise BadRequest("not an elliptic curve key")
    return loaded


def _requested_key(request: bytes) -> ec.EllipticCurvePublicKey:
    try:
        loaded = x509.load_pem_x509_csr(request)
        public = loaded.public_key()
        valid = loaded.is_signature_valid
    except Exception as problem:  # the library raises its own and the backend's errors for damaged input
        raise BadRequest(f"not a certificate request: {problem}") from problem
    if not valid or not isinstance(public, ec.EllipticCurvePublicKey):
        raise BadRequest("the request is not signed with its own elliptic curve key")
    return public


def _public_bytes(public: object) -> bytes:
    if not isinstance(public, ec.EllipticCurvePublicKey):
        raise BadRequest("not an elliptic curve key")
    return public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
