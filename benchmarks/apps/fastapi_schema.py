"""fastapi: a typed end point and the schema made from it."""

from import_clock import imports_timed

with imports_timed():
    import fastapi
    import pydantic


class Item(pydantic.BaseModel):
    name: str
    price: float = 0.0


application = fastapi.FastAPI()


@application.post("/items")
def create(item: Item) -> Item:
    return item


print(sorted(application.openapi()["paths"]))
