"""Where the bus may be reached without credentials: on this machine, and nowhere else."""

from daemon.config import BrokerConfig


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach it there."""
    return host in {"localhost", "::1"} or host.startswith("127.")


def has_credentials(broker: BrokerConfig) -> bool:
    """Whether the broker can know who we are: by a certificate, or by a password."""
    return broker.tls_cert is not None or broker.password_file is not None


def by_certificate(broker: BrokerConfig) -> bool:
    """Whether the certificate alone says who we are: then a login is whoever it names."""
    return broker.tls_cert is not None and broker.password_file is None


def speaks_tls(broker: BrokerConfig) -> bool:
    """Whether the link to it is encrypted."""
    return broker.tls_ca is not None or broker.tls_cert is not None


def refusal(broker: BrokerConfig) -> str:
    """Why this broker is not spoken to, with what to do; "" when it may be."""
    if is_loopback(broker.host) or has_credentials(broker):
        return ""
    return (
        f"forgebus refuses a bus beyond this machine ({broker.host}) without credentials: anybody there"
        f" could speak for any node. Get a login: `forgebus enroll LOGIN` where the broker is, then"
        f" `forgebus join {broker.host}` here; or set [broker] username and password_file"
    )
