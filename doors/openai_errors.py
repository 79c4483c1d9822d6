"""Errors as OpenAI's clients read them: an object with message, type, param and code, and the right status."""

import math
from http import HTTPStatus
from typing import Any

from bus_topics.messages import Final, Outcome, RejectCode
from daemon.asking import MeshError, Rejected, Unfinished

_TYPES = {
    HTTPStatus.FORBIDDEN: "permission_error",
    HTTPStatus.TOO_MANY_REQUESTS: "rate_limit_error",
}


class ApiError(Exception):
    """What cannot be answered, and why.

    `param` is the field at fault, `code` a word for programs, `retry_s` after how long to come again.
    """

    def __init__(
        self,
        status: HTTPStatus,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        retry_s: float = 0.0,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.param = param
        self.code = code
        self.retry_s = retry_s

    def body(self) -> dict[str, Any]:
        """The error object."""
        kind = _TYPES.get(self.status)
        if kind is None:
            kind = "server_error" if self.status >= 500 else "invalid_request_error"
        told = {"message": str(self), "type": kind, "param": self.param, "code": self.code}
        return {"error": told}

    def headers(self) -> dict[str, str]:
        """What its status asks for besides."""
        headers = {"Retry-After": str(math.ceil(self.retry_s))} if self.retry_s else {}
        if self.status == HTTPStatus.UNAUTHORIZED:
            headers["WWW-Authenticate"] = "Bearer"
        return headers


def bad_request(message: str, param: str | None = None, code: str | None = None) -> ApiError:
    """The request is at fault."""
    return ApiError(HTTPStatus.BAD_REQUEST, message, param=param, code=code)


def too_late(seconds: float) -> ApiError:
    """Nobody answered in time."""
    return ApiError(
        HTTPStatus.GATEWAY_TIMEOUT,
        f"no node answered within {seconds:g} s; see `forgebus why` for who was asked",
        code="deadline",
    )


def of_bus(error: MeshError) -> ApiError:
    """What the bus says, as a status."""
    match error:
        case Rejected():
            return _rejected(error)
        case Unfinished():
            return _unfinished(error.final)
        case _:
            status = HTTPStatus.SERVICE_UNAVAILABLE
            return ApiError(status, str(error), code="no_node", retry_s=2.0)


def _rejected(error: Rejected) -> ApiError:
    told = error.rejection
    match told.code:
        case RejectCode.BUSY:
            retry_s = max(1.0, told.retry_after_ms / 1000)
            return ApiError(HTTPStatus.TOO_MANY_REQUESTS, str(error), code="busy", retry_s=retry_s)
        case RejectCode.DENIED:
            return ApiError(HTTPStatus.FORBIDDEN, str(error), code="denied")
        case RejectCode.INVALID:
            return bad_request(str(error), code="invalid")
        case _:
            return ApiError(HTTPStatus.INTERNAL_SERVER_ERROR, str(error), code=told.code.value)


def _unfinished(final: Final) -> ApiError:
    told = final.error or f"the task ended as {final.outcome.value}"
    match final.outcome:
        case Outcome.EXPIRED:
            return ApiError(HTTPStatus.GATEWAY_TIMEOUT, f"expired: {told}", code="deadline")
        case Outcome.FAILED if final.node is not None:
            # A failure is a node's answer only where any other node would refuse the content as well;
            # what another one may do better is tried again, until the home itself gives up.
            return bad_request(told, code="bad_input")
        case _:
            return ApiError(HTTPStatus.INTERNAL_SERVER_ERROR, told, code=final.outcome.value)
