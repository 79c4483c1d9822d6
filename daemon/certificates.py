"""Keys and certificates of one bus: its authority signs the broker and every login, and takes logins back.

X.509 (RFC 5280) with P-256 keys. The common name of a client's certificate is its login, and mosquitto
reads it from there (`use_identity_as_username`). Revocation is a list that the authority signs.
"""

import ipaddress
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_DAYS, CERTIFICATE_DAYS = 20 * 365, 2 * 365
LIST_DAYS = AUTHORITY_DAYS
"""A broker with a list that has run out lets nobody in, so the list lives as long as the authority."""
BACKDATED = timedelta(days=1)
"""A machine without a battery clock wakes up a little in the past."""


class CertificateError(Exception):
    """A key, certificate or request cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key, as PEM."""

    certificate: bytes
    key: bytes


@dataclass(frozen=True, slots=True)
class Told:
    """What stands in a certificate."""

    name: str
    serial: str
    issued: datetime
    expires: datetime


class Authority:
    """The one that signs. `Authority.new` makes it; its pair is to be kept where nobody else reads it."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self._certificate = _certificate(pair.certificate)
        self._key = _key(pair.key)

    @classmethod
    def new(cls, name: str, now: datetime) -> "Authority":
        """A new authority under its own signature."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _name(name)
        made = (
            _builder(subject, key.public_key(), now, AUTHORITY_DAYS)
            .issuer_name(subject)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)  # noqa: FBT003
            .sign(key, hashes.SHA256())
        )
        return cls(Pair(made.public_bytes(_PEM), _pem_of(key)))

    def broker(self, hosts: Sequence[str], now: datetime) -> Pair:
        """A key and a certificate for the broker, valid under these names and addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([_host(host) for host in hosts])
        made = self._sign(
            _builder(_name(hosts[0][:64]), key.public_key(), now, CERTIFICATE_DAYS)
            .add_extension(names, critical=False)
            .add_extension(_purpose(ExtendedKeyUsageOID.SERVER_AUTH), critical=False)
        )
        return Pair(made, _pem_of(key))

    def login(self, request: bytes, login: str, now: datetime, days: float) -> bytes:
        """A certificate for whoever holds the key of this request; the name is ours to say, not its.

        Raises CertificateError when it is no request, or not signed with its own key.
        """
        public = _requested(request)
        return self._sign(
            _builder(_name(login), public, now, days).add_extension(
                _purpose(ExtendedKeyUsageOID.CLIENT_AUTH), critical=False
            )
        )

    def revocations(self, serials: Iterable[tuple[str, datetime]], now: datetime) -> bytes:
        """The signed list of certificates that are none any more."""
        made = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._certificate.subject)
            .last_update(now - BACKDATED)
            .next_update(now + timedelta(days=LIST_DAYS))
        )
        for serial, since in serials:
            made = made.add_revoked_certificate(
                x509.RevokedCertificateBuilder()
                .serial_number(int(serial, 16))
                .revocation_date(since)
                .build()
            )
        return made.sign(self._key, hashes.SHA256()).public_bytes(_PEM)

    def _sign(self, builder: x509.CertificateBuilder) -> bytes:
        own = self._certificate.public_key()
        assert isinstance(own, ec.EllipticCurvePublicKey)  # noqa: S101 - `new` makes no other
        made = (
            builder.issuer_name(self._certificate.subject)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs=False), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(own), critical=False)
        )
        return made.sign(self._key, hashes.SHA256()).public_bytes(_PEM)


def new_request(login: str) -> Pair:
    """A new key, and the request to certify it in place of the certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(_name(login))
        .sign(key, hashes.SHA256())
    )
    return Pair(request.public_bytes(_PEM), _pem_of(key))


def each_request(requests: bytes) -> tuple[bytes, bytes]:
    """Two requests that stand one after the other. Raises CertificateError when there are not two."""
    parts = requests.split(_END)
    if len(parts) != 3 or parts[2].strip():
        raise CertificateError("these are not two certificate requests")
    return parts[0] + _END, parts[1].lstrip() + _END


def told(certificate: bytes) -> Told:
    """Read a certificate. Raises CertificateError."""
    found = _certificate(certificate)
    names = found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return Told(
        name=str(names[0].value) if names else "",
        serial=f"{found.serial_number:x}",
        issued=found.not_valid_before_utc,
        expires=found.not_valid_after_utc,
    )


def belongs(certificate: bytes, key: bytes, authority: bytes) -> bool:
    """Whether the certificate is of this key and signed by this authority. Raises CertificateError."""
    found, issuer = _certificate(certificate), _certificate(authority)
    try:
        found.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return found.public_key() == _key(key).public_key()


def expiring(certificates: Collection[bytes], now: datetime, within: timedelta) -> list[Told]:
    """Those that end soon, or have ended."""
    read = [told(one) for one in certificates]
    return [one for one in read if one.expires - now < within]


_END = b"-----END CERTIFICATE REQUEST-----\n"
_PEM = serialization.Encoding.PEM


def _builder(
    subject: x509.Name, public: ec.EllipticCurvePublicKey, now: datetime, days: float
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now.astimezone(UTC) - BACKDATED)
        .not_valid_after(now.astimezone(UTC) + timedelta(days=days))
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def _purpose(purpose: x509.ObjectIdentifier) -> x509.ExtendedKeyUsage:
    return x509.ExtendedKeyUsage([purpose])


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _requested(request: bytes) -> ec.EllipticCurvePublicKey:
    try:
        found = x509.load_pem_x509_csr(request)
    except ValueError as error:
        raise CertificateError(f"this is no certificate request: {error}") from None
    public = found.public_key()
    if not found.is_signature_valid or not isinstance(public, ec.EllipticCurvePublicKey):
        raise CertificateError("the request is not signed with its own P-256 key")
    if public.curve.name != ec.SECP256R1.name:
        raise CertificateError(f"the key is on {public.curve.name}; P-256 is what this bus uses")
    return public


def _certificate(pem: bytes) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(pem)
    except ValueError as error:
        raise CertificateError(f"this is no certificate: {error}") from None


def _key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        raise CertificateError(f"this is no private key: {error}") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise CertificateError("this is no P-256 key")
    return key


def _pem_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
