"""aiohttp's server and client on uvloop, asyncio.gather; orjson.Fragment puts the bodies in as they are."""
import asyncio
import os

import aiohttp
import orjson
import uvloop
from aiohttp import web

URL = "http://127.0.0.1:%s/u/1KB" % os.environ["UPSTREAM_PORT"]
SESSION = web.AppKey("session", aiohttp.ClientSession)


async def fetch(session):
    async with session.get(URL) as resp:
        if resp.status != 200:
            raise web.HTTPBadGateway()
        return await resp.read()


def gather(n):
    keys = ["k%d" % i for i in range(n)]

    async def handler(request):
        session = request.app[SESSION]
        parts = await asyncio.gather(*(fetch(session) for _ in range(n)))
        body = orjson.dumps({k: orjson.Fragment(p) for k, p in zip(keys, parts)})
        return web.Response(body=body, content_type="application/json")

    return handler


async def hello(request):
    return web.Response(text="Hello, World!")


async def client_session(app):
    app[SESSION] = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=60),
        timeout=aiohttp.ClientTimeout(total=5),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
    )
    yield
    await app[SESSION].close()


def main():
    app = web.Application()
    app.cleanup_ctx.append(client_session)
    app.router.add_get("/hello", hello)
    for n in (1, 8, 32):
        app.router.add_get("/gather%d" % n, gather(n))
    web.run_app(app, host="127.0.0.1", port=int(os.environ["PORT"]),
                access_log=None, print=None, loop=uvloop.new_event_loop())


main()
