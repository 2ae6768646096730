"""aiohttp: an application with a route, and its answer to one request."""

import asyncio

from import_clock import imports_timed

with imports_timed():
    from aiohttp import web
    from aiohttp.test_utils import TestClient, TestServer


async def hello(request):
    return web.json_response({"hello": request.match_info["name"]})


async def main():
    app = web.Application()
    app.router.add_get("/{name}", hello)
    async with TestClient(TestServer(app)) as client:
        answer = await client.get("/world")
        print(await answer.json())


asyncio.run(main())
