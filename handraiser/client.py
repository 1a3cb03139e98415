"""How the commands talk to a running server: in, a data folder or the environment; out, JSON, or a CommandError."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

from handraiser.data_folder import DataFolder, read_secret
from handraiser.errors import CommandError
from runtime.settings import DATA_DEFAULT

if TYPE_CHECKING:
    import httpx

TIMEOUT_S = 30
"""Longer than the longest attempt of `endpoints test`, about 21 s."""


@dataclass(frozen=True, slots=True)
class Found:
    """A server's address, without a slash at its end, and the API key that it should take."""

    url: str
    api_key: str


def data_folder(environ: Mapping[str, str], data: Path | None) -> DataFolder | None:
    """The folder that was named by --data or HANDRAISER_DATA; else the default one, if it is there."""
    named = data or (Path(environ["HANDRAISER_DATA"]) if environ.get("HANDRAISER_DATA") else None)
    if named is not None:
        return DataFolder(named)
    if environ.get("HANDRAISER_URL") or not DATA_DEFAULT.is_dir():
        return None
    return DataFolder(DATA_DEFAULT)


def find_server(environ: Mapping[str, str], data: Path | None, url: str | None = None) -> Found:
    """--data or HANDRAISER_DATA, else HANDRAISER_URL and HANDRAISER_API_KEY, else ./handraiser-data.

    `url` changes the address only.
    """
    folder = data_folder(environ, data)
    address = url or (folder and folder.server_url()) or environ.get("HANDRAISER_URL")
    api_key = (folder and read_secret(folder.api_key)) or environ.get("HANDRAISER_API_KEY")
    if not address:
        where = f"in {folder.path}" if folder else "here"
        raise CommandError(
            "no_server",
            f"No running server was found {where}. Start one with `handraiser up`, name its folder with --data or "
            "HANDRAISER_DATA, or set HANDRAISER_URL and HANDRAISER_API_KEY.",
        )
    if not api_key:
        raise CommandError(
            "no_api_key",
            f"There is no API key for {address}. Name the server's folder with --data or HANDRAISER_DATA (its file api-key "
            "has one), or set HANDRAISER_API_KEY.",
        )
    return Found(address.rstrip("/"), api_key)


def path_of(*parts: str) -> str:
    """`/v1/leads/ld_…`, of these. An id that somebody typed stays one part: no `/` or `?` in it leads to another route."""
    return "/v1/" + "/".join(quote(part, safe="") for part in parts)


class Client:
    """The server's JSON API. Every method raises CommandError for an answer that is an error, or for none at all."""

    def __init__(self, found: Found) -> None:
        import httpx  # noqa: PLC0415 - the detector's process, and commands that ask nobody, start sooner without

        self.url = found.url
        self._http = httpx.Client(
            base_url=found.url,
            timeout=TIMEOUT_S,
            trust_env=False,
            verify=found.url.startswith("https:"),  # to read all certificates takes longer than to be answered
            headers={"Authorization": f"Bearer {found.api_key}"},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._http.close()

    def get(self, path: str, **query: str | int | None) -> Any:
        return self._send("GET", path, params={name: value for name, value in query.items() if value is not None})

    def health(self) -> Any:
        """The whole of /health, also where it says that something is down."""
        response = self._request("GET", "/health")
        if response.status_code != 503:
            return self._content(response)
        return response.json()

    def pages(self, path: str, limit: int, **query: str | int | None) -> list[Any]:
        """Up to `limit` rows of a list that comes in pages of `{"data": [...], "next": cursor}`."""
        rows: list[Any] = []
        cursor: str | None = None
        while len(rows) < limit:
            page = self.get(path, cursor=cursor, **query)
            rows += page["data"]
            cursor = page.get("next")
            if cursor is None:
                break
        return rows[:limit]

    def post(self, path: str, body: Any = None) -> Any:
        return self._send("POST", path, json=body)

    def patch(self, path: str, body: Any) -> Any:
        return self._send("PATCH", path, json=body)

    def delete(self, path: str) -> Any:
        return self._send("DELETE", path)

    def only_project(self, project: str | None) -> str:
        """`project`, or the only one that there is."""
        if project:
            return project
        names = [str(row["name"]) for row in self.get("/v1/projects")["data"]]
        if len(names) == 1:
            return names[0]
        if not names:
            raise CommandError("no_project", "There is no project yet. Make one: handraiser projects create NAME")
        raise CommandError("project_ambiguous", f"There are several projects ({', '.join(names)}): say which with --project.")

    def _send(self, method: str, path: str, **arguments: Any) -> Any:
        return self._content(self._request(method, path, **arguments))

    def _request(self, method: str, path: str, **arguments: Any) -> "httpx.Response":
        import httpx  # noqa: PLC0415 - it is loaded already

        try:
            return self._http.request(method, path, **arguments)
        except httpx.HTTPError as error:
            raise CommandError(
                "no_answer",
                f"No answer from {self.url} ({str(error) or type(error).__name__}). Is it running? Start it: handraiser up",
            ) from error

    @staticmethod
    def _content(response: "httpx.Response") -> Any:
        if response.is_success:
            return response.json() if response.content else None
        raise _refusal(response)


def _refusal(response: "httpx.Response") -> CommandError:
    try:
        body = response.json()
        code, message, detail = str(body["code"]), str(body["message"]), str(body.get("detail") or "")
    except (ValueError, KeyError, TypeError):
        return CommandError(
            "http_error", f"{response.request.url.path} answered {response.status_code}. Is that a Handraiser server?"
        )
    if code == "unauthorized":
        message += " The key that was sent is the one in the data folder's api-key, or HANDRAISER_API_KEY."
    return CommandError(code, message if detail in {"", message} else f"{message}\n{detail}")
