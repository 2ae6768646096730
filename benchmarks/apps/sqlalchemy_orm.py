"""sqlalchemy: two mapped classes, an in-memory database, one joined query."""

from import_clock import imports_timed

with imports_timed():
    from typing import List  # Python 3.8 runs this too

    import sqlalchemy as sa
    from sqlalchemy import orm


class Base(orm.DeclarativeBase):
    pass


class Author(Base):
    __tablename__ = "author"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    name: orm.Mapped[str]
    books: orm.Mapped[List["Book"]] = orm.relationship(back_populates="author")


class Book(Base):
    __tablename__ = "book"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    title: orm.Mapped[str]
    author_id: orm.Mapped[int] = orm.mapped_column(sa.ForeignKey("author.id"))
    author: orm.Mapped[Author] = orm.relationship(back_populates="books")


engine = sa.create_engine("sqlite://")
Base.metadata.create_all(engine)
with orm.Session(engine) as session:
    session.add(Author(name="Lem", books=[Book(title="Solaris"), Book(title="Fiasko")]))
    session.commit()
    print(session.scalars(sa.select(Book.title).join(Author).where(Author.name == "Lem")).all())
engine.dispose()
