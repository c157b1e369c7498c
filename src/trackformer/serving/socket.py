"""A session as a conversation: pictures in, as binary messages; JSON out, one message each.

The first message out says where the session stands. Before a picture the client may say more about
it in a text message (`NextPicture`); otherwise pictures are numbered one after another.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress

from pydantic import ValidationError
from starlette.responses import JSONResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from trackformer.serving.messages import NextPicture, said_of
from trackformer.serving.refusal import Refusal
from trackformer.serving.service import Service


async def talk(websocket: WebSocket, service: Service, name: str) -> None:
    """Until the client leaves. What it has sent by then is tracked all the same."""
    try:
        session = service.session(name)
    except Refusal as refusal:
        response = JSONResponse({"detail": str(refusal)}, refusal.status)
        await websocket.send_denial_response(response)
        return
    await websocket.accept()
    conversation = _Conversation(websocket, service, name, session.next_number)
    with suppress(WebSocketDisconnect):
        await websocket.send_text(said_of(session).model_dump_json(exclude_unset=True))
        await conversation.hear()


class _Conversation:
    def __init__(self, websocket: WebSocket, service: Service, name: str, next_number: int) -> None:
        self._websocket = websocket
        self._service = service
        self._name = name
        self._next_number = next_number
        """Not the session's: a refused picture has had its number here, or answers would mix."""
        self._about = NextPicture()
        self._sending = asyncio.Lock()
        # A client that sends without listening is not heard any more.
        self._room = asyncio.Semaphore(service.limits.most_waiting + 2)

    async def hear(self) -> None:
        """Take each message as it comes, whatever became of those before."""
        async with asyncio.TaskGroup() as answers:
            while True:
                message = await self._websocket.receive()
                if message["type"] == "websocket.disconnect":
                    return
                if message.get("bytes") is not None:
                    await self._room.acquire()
                    number, answer = self._submit(message["bytes"])
                    answers.create_task(self._tell(number, answer))
                else:
                    await self._note(message.get("text") or "")

    async def _note(self, text: str) -> None:
        try:
            self._about = NextPicture.model_validate_json(text)
        except ValidationError as error:
            problem = error.errors()[0]
            where = ".".join(str(part) for part in problem["loc"])
            await self._refuse(None, Refusal(400, f"{where or 'message'}: {problem['msg']}"))

    def _submit(self, content: bytes) -> tuple[int, asyncio.Future[str] | Refusal]:
        about, self._about = self._about, NextPicture()
        number = self._next_number if about.frame is None else about.frame
        self._next_number = max(self._next_number, number + 1)
        try:
            session = self._service.session(self._name)
            return number, self._service.submit(session, number, content, about.time_s)
        except Refusal as refusal:
            return number, refusal

    async def _tell(self, number: int, answer: asyncio.Future[str] | Refusal) -> None:
        try:
            if isinstance(answer, Refusal):
                raise answer
            await self._send(await asyncio.shield(answer))
        except Refusal as refusal:
            await self._refuse(number, refusal)
        finally:
            self._room.release()

    async def _refuse(self, number: int | None, refusal: Refusal) -> None:
        words = {"frame": number, "status": refusal.status, "detail": str(refusal)}
        await self._send(json.dumps(words))

    async def _send(self, text: str) -> None:
        # It may have left meanwhile; `hear` notices.
        with suppress(WebSocketDisconnect, RuntimeError):
            async with self._sending:
                await self._websocket.send_text(text)
