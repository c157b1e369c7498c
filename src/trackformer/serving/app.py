"""The service over HTTP and WebSocket: addresses, and what each answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, FastAPI, Path, Query, Request, Response, WebSocket
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.security import HTTPBearer
from pydantic import BaseModel

import trackformer
from trackformer.serving.gate import Gate
from trackformer.serving.messages import (
    LARGEST_NUMBER,
    FrameSaid,
    Refused,
    SessionSaid,
    SessionWanted,
    said_of,
)
from trackformer.serving.page import page_of
from trackformer.serving.refusal import Refusal
from trackformer.serving.service import Service
from trackformer.serving.socket import talk

ABOUT: Final = (
    "Sessions follow the objects of a stream: begin one, send its pictures one by one, and get the "
    "tracks of each. A picture that is sent again under its number has the same answer."
)
OPEN: Final = APIRouter()
ROUTES: Final = APIRouter(dependencies=[Depends(HTTPBearer(auto_error=False))])
"""The dependency only describes: `Gate` has looked at the token by then."""
PROMETHEUS: Final = "text/plain; version=0.0.4; charset=utf-8"
PICTURE: Final = {
    "requestBody": {
        "required": True,
        "content": {kind: {"schema": {"type": "string", "format": "binary"}}
                    for kind in ("image/jpeg", "image/png")},
    }
}  # fmt: skip


def app_of(service: Service, token: str | None) -> FastAPI:
    """The application; `token` is what clients have to know, None where all may come in."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        app.state.working = asyncio.create_task(service.run())
        yield
        app.state.working.cancel()
        with suppress(asyncio.CancelledError):
            await app.state.working
        service.close()

    app = FastAPI(
        title="trackformer",
        version=trackformer.__version__,
        description=ABOUT,
        lifespan=lifespan,
        # Their pages load scripts from another server; `page` needs none.
        docs_url=None,
        redoc_url=None,
    )
    app.state.service = service
    app.include_router(OPEN)
    app.include_router(ROUTES)
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_middleware(Gate, token=token, most_bytes=service.limits.most_bytes)
    return app


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


Served = Annotated[Service, Depends(_service)]


def _why(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": Refused} for status in statuses}


def _answers(said: type[BaseModel], *refusals: int) -> dict[int | str, dict[str, Any]]:
    """Of an address whose answer is passed on as it was saved."""
    return {200: {"model": said}, **_why(*refusals)}


@OPEN.get("/healthz")
async def healthz(request: Request) -> JSONResponse:
    """Whether frames are being tracked."""
    is_alive = not request.app.state.working.done()
    return JSONResponse({"status": "ok" if is_alive else "failed"}, 200 if is_alive else 503)


@OPEN.get("/", include_in_schema=False)
async def page(request: Request) -> HTMLResponse:
    """This API for people, without a script."""
    return HTMLResponse(page_of(request.app.openapi()))


@ROUTES.get("/metrics")
async def metrics(service: Served) -> Response:
    """Frames by what became of them, sessions, passes: for Prometheus."""
    return Response(service.metrics.text(), media_type=PROMETHEUS)


@ROUTES.post(
    "/sessions",
    status_code=201,
    responses=_why(401, 422, 503),
    response_model_exclude_unset=True,
)
async def begin(service: Served, response: Response, wanted: SessionWanted) -> SessionSaid:
    """Begin a session; it is kept until it is ended, or idle for too long."""
    session = await service.begin(wanted.when_full, wanted.settings)
    response.headers["Location"] = f"/sessions/{session.name}"
    return said_of(session)


@ROUTES.get("/sessions/{name}", responses=_why(401, 404), response_model_exclude_unset=True)
async def look(service: Served, name: str) -> SessionSaid:
    """Where a session stands: after a cut, a client goes on with `next_frame`."""
    return said_of(service.session(name))


@ROUTES.delete("/sessions/{name}", status_code=204, responses=_why(401, 404))
async def end(service: Served, name: str) -> None:
    """End a session and forget it."""
    await service.end(service.session(name))


@ROUTES.put(
    "/sessions/{name}/frames/{number}",
    responses=_answers(FrameSaid, 401, 404, 409, 413, 415, 422, 429, 503),
    openapi_extra=PICTURE,
)
async def track(
    request: Request,
    service: Served,
    name: str,
    number: Annotated[int, Path(ge=0, le=LARGEST_NUMBER)],
    time_s: Annotated[float | None, Query(allow_inf_nan=False)] = None,
) -> Response:
    """Track a picture: JPEG or PNG as the body, its number larger than that of the one before.

    The answer comes once the session's state is safe on disk. The same picture under the same
    number has the same answer, so a client that heard nothing may ask again. `time_s`: when it was
    taken, in seconds, of every frame or of none.
    """
    service.session(name)
    content = await request.body()
    # Shielded: another request may wait for the same frame.
    answer = await asyncio.shield(service.submit(service.session(name), number, content, time_s))
    return Response(answer, media_type="application/json")


@ROUTES.websocket("/sessions/{name}/frames")
async def stream(websocket: WebSocket, name: str) -> None:
    """The same as a conversation (`socket`)."""
    await talk(websocket, websocket.app.state.service, name)


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    seconds = error.retry_after_s
    headers = {} if seconds is None else {"Retry-After": str(seconds)}
    return JSONResponse({"detail": str(error)}, error.status, headers)


async def _malformed(_request: Request, error: Exception) -> Response:
    """In one line, as all else."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return JSONResponse({"detail": f"{where}: {first['msg']}"}, 422)
