"""Why a client of Kafka could not connect. The library logs the reason and raises an error that does not have it."""

import logging
from collections.abc import Mapping

_CREDENTIALS = "Kafka refused the user or the password: check KAFKA_USER and KAFKA_PASSWORD."
#: By the name of the error: importing the library would slow every command.
_SENTENCES: Mapping[str, str] = {
    "SaslAuthenticationFailed": _CREDENTIALS,
    "AuthenticationFailedError": _CREDENTIALS,
    "SSLCertVerificationError": "The certificate of the brokers is not trusted: check KAFKA_CA_FILE and the names in the certificate.",
    "SSLError": "The brokers speak no TLS, or demand a certificate: check KAFKA_SECURITY_PROTOCOL and KAFKA_CLIENT_CERTIFICATE_FILE.",
}


class ConnectionRefusals(logging.Handler):
    """Keeps the last reason, and prints nothing: commands print the error that the library raises."""

    def __init__(self) -> None:
        super().__init__()
        self.sentence: str | None = None

    def emit(self, record: logging.LogRecord) -> None:
        for each in record.args if isinstance(record.args, tuple) else ():
            self.sentence = _SENTENCES.get(type(each).__name__, self.sentence)


REFUSALS = ConnectionRefusals()
