"""
The errors of the REST interface: status code and text as a Qdrant server words them. What is refused because this
engine lacks it has a text of its own that names it. Everything else raises these; `app.py` alone answers with them.
"""


class ApiError(Exception):
    """An answer other than success: HTTP status and the text of `status.error`."""

    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status = status
        self.message = message


def format_error(message: str) -> ApiError:
    """The body is not of the form that the route takes."""
    return ApiError(400, f"Format error in JSON body: {message}")


def invalid(path: str, message: str) -> ApiError:
    """The body has the right form and a value out of its range."""
    return ApiError(422, f"Validation error in JSON body: [{path}: {message}]")


def wrong_input(message: str) -> ApiError:
    """The request does not fit the collection."""
    return ApiError(400, f"Wrong input: {message}")


def bad_request(message: str) -> ApiError:
    return ApiError(400, f"Bad request: {message}")


def not_found(message: str) -> ApiError:
    return ApiError(404, f"Not found: {message}")


def unsupported(name: str) -> ApiError:
    """A Qdrant server has it, the embedded engine does not."""
    return ApiError(400, f"Bad request: {name} is not supported by the embedded engine")


# How Qdrant Edge's messages begin, for faults that lie in the request rather than in the engine.
_INPUT_FAULTS = (
    "Vector dimension error",
    "Not existing vector name error",
    "Payload type does not match",
    "Unable to infer type",
    "Validation failed",
    "No range index for",
    "No appropriate index for",
    "Expected ",
    "The expression ",
)


def from_edge(error: BaseException) -> ApiError:
    """What Qdrant Edge raised, as the server would have answered it."""
    text = str(error)
    if isinstance(error, (TypeError, ValueError, OverflowError)):
        return format_error(text)
    if text.startswith("No point with id"):
        return not_found(f"{text} found")
    if text.startswith("Wrong usage of sparse"):
        return wrong_input("Conversion between sparse and regular vectors failed")
    if text.startswith("Wrong usage of multi"):
        return wrong_input("Conversion between multi and regular vectors failed")
    if text.endswith("Shard is not initialized"):
        return not_found("Collection doesn't exist!")  # removed while it was being asked
    if text.startswith(_INPUT_FAULTS):
        return wrong_input(text)
    return ApiError(500, f"Service internal error: {text.removeprefix('Service runtime error: ')}")
