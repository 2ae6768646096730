"""Programs that import a compiled package before their checkpoint, and use it in a restored process."""

# ruff: noqa: E501 - the programs are easier to read with a statement a line

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Package:
    """A distribution of requirements/snapshot-packages.txt."""

    name: str
    imports: str
    """What is done before the checkpoint."""
    use: str
    """What is done after it; it prints what the package has made, the same each time."""
    refused: str = ""
    """Why there can be no snapshot, as a regular expression; empty: there is one."""

    @property
    def program(self) -> str:
        body = self.use.strip("\n").replace("\n", "\n    ")
        return f"{self.imports}\nif __name__ == '__main__':\n    {body}\n"


ALONE = "import sys\nsys.modules['pyarrow'] = sys.modules['numexpr'] = None\n"
"""For those that import these where they are installed: they would be refused as these are."""

GENERATOR = "has a generator of random numbers that cannot be seeded anew"

PACKAGES = [
    Package(
        "numpy",
        "import numpy as np, numpy.fft, numpy.linalg, numpy.ma, numpy.polynomial, numpy.random",
        """
a = np.arange(250_000.).reshape(500, 500)
print((a @ a).trace(), np.linalg.solve(a + 1e4 * np.eye(500), np.ones(500)).sum().round(9))
print(np.fft.rfft(np.arange(8)).real.tolist(), np.random.default_rng(7).integers(0, 99, 9), np.ma.masked_less([1, 5], 3))
""",
    ),
    Package(
        "scipy",
        "import scipy.fft, scipy.integrate, scipy.linalg, scipy.ndimage, scipy.optimize, scipy.sparse.linalg, scipy.spatial",
        """
print(scipy.optimize.minimize(lambda x: (x[0] - 3) ** 2 + (x[1] + 1) ** 2, [0, 0]).x.round(4))
print(round(scipy.integrate.quad(lambda x: x ** 3, 0, 2)[0], 9), scipy.fft.rfft([1, 2, 3, 4]).real)
matrix = scipy.sparse.diags([range(1, 901)], [0], format="csc")
print(scipy.sparse.linalg.spsolve(matrix, range(900))[-3:].round(6), scipy.spatial.KDTree([[0, 0], [3, 4]]).query([3, 3]))
""",
    ),
    Package(
        "scipy.stats",
        "import scipy.stats",
        "pass",
        refused=r"scipy.stats._distribution_infrastructure calls urandom\(\)",
    ),
    Package(
        "pandas",
        f"{ALONE}import io, pandas as pd",
        """
frame = pd.read_csv(io.StringIO("when,what,much\\n2026-01-01,a,1\\n2026-01-02,b,2\\n2026-02-01,a,3\\n"), parse_dates=["when"])
print(frame.groupby("what").much.sum(), frame.set_index("when").much.resample("MS").sum(), frame.dtypes)
print(frame.merge(frame, on="what").sort_values(["much_x", "much_y"]).to_csv(index=False))
""",
    ),
    Package(
        "scikit-learn",
        f"{ALONE}import sklearn.cluster, sklearn.datasets, sklearn.ensemble, sklearn.linear_model, sklearn.svm",
        """
x, y = sklearn.datasets.make_classification(300, random_state=1)
for model in (
    sklearn.linear_model.LogisticRegression(), sklearn.svm.SVC(),
    sklearn.ensemble.RandomForestClassifier(20, random_state=2, n_jobs=2),
    sklearn.ensemble.HistGradientBoostingClassifier(random_state=3, max_iter=5),
):
    print(type(model).__name__, round(model.fit(x, y).score(x, y), 6))
print(round(sklearn.cluster.KMeans(3, random_state=4, n_init=1).fit(x).inertia_, 6))
""",
        refused=r"joblib\._multiprocessing_helpers calls getpid\(\)",
    ),
    Package(
        "pyarrow",
        "import io, pyarrow as pa, pyarrow.compute, pyarrow.csv, pyarrow.parquet",
        """
table = pa.table({"k": ["a", "b", "a"] * 1000, "v": range(3000)})
sink = io.BytesIO()
pyarrow.parquet.write_table(table, sink)
print(pyarrow.parquet.read_table(sink).group_by("k").aggregate([("v", "sum")]).sort_by("k").to_pydict())
print(pyarrow.compute.mean(table["v"]), pyarrow.csv.read_csv(io.BytesIO(b"a,b\\n1,2\\n")).to_pylist())
""",
        refused=GENERATOR,
    ),
    Package(
        "polars",
        "import polars as pl",
        """
frame = pl.DataFrame({"k": ["a", "b", "a"] * 1000, "v": range(3000)})
print(frame.lazy().group_by("k").agg(pl.col("v").sum()).sort("k").collect().to_dicts())
""",
        refused="jemalloc",
    ),
    Package(
        "lxml",
        "import lxml.etree, lxml.html",
        """
root = lxml.etree.fromstring("<r>" + "".join(f"<i n='{n}'>{n}</i>" for n in range(500)) + "</r>")
print(root.xpath("sum(//i[@n > 490])"), lxml.html.fromstring("<p>a<br>b").text_content())
style = "<x:stylesheet version='1.0' xmlns:x='http://www.w3.org/1999/XSL/Transform'><x:template match='/'>"
style += "<o><x:value-of select='count(//i)'/></o></x:template></x:stylesheet>"
print(lxml.etree.tostring(lxml.etree.XSLT(lxml.etree.fromstring(style))(root)))
""",
    ),
    Package(
        "pillow",
        "import io, zlib, PIL.Image, PIL.ImageDraw, PIL.ImageFilter, PIL.ImageFont",
        """
image = PIL.Image.new("RGB", (200, 100), "white")
PIL.ImageDraw.Draw(image).text((10, 10), "restored", fill="red", font=PIL.ImageFont.load_default())
for kind in ("PNG", "JPEG", "WEBP", "TIFF"):
    written = io.BytesIO()
    image.filter(PIL.ImageFilter.GaussianBlur(2)).resize((50, 50)).save(written, kind)
    print(kind, PIL.Image.open(written).convert("L").histogram()[200:], zlib.crc32(PIL.Image.open(written).tobytes()))
""",
    ),
    Package(
        "cryptography",
        "from cryptography.hazmat.primitives.ciphers.aead import AESGCM\nfrom cryptography import x509",
        "print(AESGCM(bytes(16)).encrypt(bytes(12), b'secret', None).hex())",
        refused=GENERATOR,
    ),
    Package(
        "pynacl",
        "import nacl.secret, nacl.signing, nacl.hash",
        """
box = nacl.secret.SecretBox(bytes(32))
print(box.decrypt(box.encrypt(b"secret")), nacl.hash.sha256(b"a"), nacl.signing.SigningKey(bytes(32)).sign(b"a").signature.hex())
print(len({nacl.utils.random(16) for _ in range(100)}))
""",
    ),
    Package(
        "bcrypt",
        "import bcrypt",
        "print(bcrypt.hashpw(b'p', b'$2b$04$' + b'abcdefghijklmnopqrstuu'), len(bcrypt.gensalt()))",
    ),
    Package(
        "grpcio",
        "import concurrent.futures, grpc",
        """
server = grpc.server(concurrent.futures.ThreadPoolExecutor(2))
handler = grpc.unary_unary_rpc_method_handler(lambda request, context: request[::-1])
server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("s", {"m": handler})])
port = server.add_insecure_port("127.0.0.1:0")
server.start()
with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
    print(channel.unary_unary("/s/m")(b"abc", timeout=20))
server.stop(None)
""",
        refused=GENERATOR,
    ),
    Package(
        "protobuf",
        "import google.protobuf.json_format, google.protobuf.struct_pb2, google.protobuf.timestamp_pb2",
        """
message = google.protobuf.json_format.ParseDict({"a": [1, {"b": "c"}]}, google.protobuf.struct_pb2.Struct())
again = google.protobuf.struct_pb2.Struct.FromString(message.SerializeToString(deterministic=True))
print(again, again == message, google.protobuf.timestamp_pb2.Timestamp(seconds=5).ToJsonString(), message.DESCRIPTOR.full_name)
""",
    ),
    Package(
        "pydantic",
        "import datetime, typing, pydantic\n"
        "class Model(pydantic.BaseModel):\n    a: int\n    b: typing.List[datetime.date] = []\n",
        """
print(Model.model_validate_json('{"a": "5", "b": ["2026-01-02"]}'), Model.model_json_schema())
try:
    Model(a="x")
except pydantic.ValidationError as error:
    print(error.errors(include_url=False))
class Later(Model):
    c: str = pydantic.Field(pattern="^a+$")
print(Later(a=1, c="aaa").model_dump_json())
""",
    ),
    Package("orjson", "import orjson", "print(orjson.loads(orjson.dumps({'a': [1, 2.5, None, 'ü'] * 300}))['a'][:5])"),
    Package("ujson", "import ujson", "print(ujson.loads(ujson.dumps({'a': [1, 2.5, None, 'ü'] * 300}))['a'][:5])"),
    Package("simplejson", "import simplejson", "print(simplejson.dumps(simplejson.loads('[1.50]', use_decimal=True)))"),
    Package(
        "psycopg-binary",
        "import psycopg, psycopg.sql",
        """
print(psycopg.pq.__impl__, psycopg.pq.version() > 0)
print(psycopg.adapt.Transformer().get_dumper(5, psycopg.adapt.PyFormat.AUTO).dump(5))
print([option.keyword for option in psycopg.pq.Conninfo.parse(b"host=a port=1") if option.val])
try:
    psycopg.connect("host=127.0.0.1 port=1 connect_timeout=2")
except psycopg.OperationalError as error:
    print("refused" in str(error))
""",
    ),
    Package(
        "msgpack",
        "import msgpack",
        "print(msgpack.unpackb(msgpack.packb({'a': [1, b'b', 2.5]})), msgpack._cmsgpack.__name__)",
    ),
    Package(
        "regex",
        "import regex",
        "print(regex.findall(r'\\p{Lu}\\w+(?<=b)', 'Aab Bcd Éb'), regex.sub('(?e)(cats){e<=1}', 'x', 'cat'))",
    ),
    Package(
        "pyyaml",
        "import yaml",
        "print(yaml.load('a: [1, {b: 2026-01-02}]', yaml.CSafeLoader), yaml.dump({'b': [1]}, Dumper=yaml.CSafeDumper))",
    ),
    Package(
        "aiohttp",
        "import asyncio, aiohttp, aiohttp.web",
        """
async def answer(request):
    return aiohttp.web.json_response({"path": request.path, "query": dict(request.query)})
async def main():
    application = aiohttp.web.Application()
    application.router.add_get("/{tail:.*}", answer)
    runner = aiohttp.web.AppRunner(application)
    await runner.setup()
    site = aiohttp.web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]
    async with aiohttp.ClientSession() as session:
        async with session.get(f"http://127.0.0.1:{port}/a/b", params={"c": "d"}) as response:
            print(response.status, await response.json())
    await runner.cleanup()
asyncio.run(main())
""",
        refused=r"aiohttp\.cookiejar calls gmtime\(\)",
    ),
    Package(
        "yarl",
        "import yarl",
        "print(yarl.URL('http://a.b/c?d=e').with_query(f='ü') / 'g', yarl.URL('http://ü.x').raw_host)",
    ),
    Package("multidict", "import multidict", "print(multidict.CIMultiDict([('A', 1), ('a', 2)]).getall('a'))"),
    Package(
        "frozenlist",
        "import frozenlist",
        "made = frozenlist.FrozenList([1]); made.append(2); made.freeze(); print(made, hash(made))",
    ),
    Package(
        "lz4",
        "import lz4.block, lz4.frame",
        "print(lz4.frame.decompress(lz4.frame.compress(b'ab' * 9999)) == b'ab' * 9999, lz4.block.compress(b'a' * 99))",
    ),
    Package(
        "zstandard",
        "import zstandard",
        "print(zstandard.ZstdDecompressor().decompress(zstandard.ZstdCompressor(9, threads=2).compress(b'ab' * 99999)) == b'ab' * 99999)",
    ),
    Package("brotli", "import brotli", "print(brotli.decompress(brotli.compress(b'ab' * 9999)) == b'ab' * 9999)"),
    Package(
        "matplotlib",
        "import io, zlib, matplotlib\nmatplotlib.use('agg')\nimport matplotlib.pyplot as plt",
        """
figure, axes = plt.subplots()
axes.plot([1, 2, 3], [3, 1, 2], label="ü")
axes.set_title("$x^2$")
axes.legend()
figure.canvas.draw()
print(zlib.crc32(bytes(figure.canvas.buffer_rgba())), figure.canvas.get_width_height())
written = io.BytesIO()
figure.savefig(written, format="pdf", metadata={"CreationDate": None})
print(len(written.getvalue()))
""",
    ),
    Package(
        "shapely",
        "import shapely, shapely.ops",
        "print(shapely.union_all([shapely.Point(0, 0).buffer(1), shapely.box(0, 0, 2, 2)]).area > 4, shapely.from_wkt('POINT (1 2)').wkb.hex())",
    ),
    Package(
        "h5py",
        "import numpy, h5py",
        """
with h5py.File("kept", "w", driver="core", backing_store=False) as file:
    file.create_dataset("a/b", data=numpy.arange(10_000).reshape(100, 100), compression="gzip", chunks=(10, 10))
    file["a"].attrs["c"] = "ü"
    print(file["a/b"][5, 7:9], dict(file["a"].attrs), file["a/b"].chunks)
""",
    ),
    Package(
        "greenlet",
        "import greenlet",
        """
def other(value):
    while True:
        value = greenlet.getcurrent().parent.switch(value * 2)
made = greenlet.greenlet(other)
print([made.switch(n) for n in range(5)])
""",
    ),
    Package(
        "gevent",
        "import gevent, gevent.pool, gevent.server, gevent.socket",
        """
server = gevent.server.StreamServer(("127.0.0.1", 0), lambda connection, address: connection.sendall(b"hello"))
server.start()
def ask(number):
    with gevent.socket.create_connection(("127.0.0.1", server.server_port)) as connection:
        return number, connection.recv(9)
print(gevent.pool.Pool(3).map(ask, range(5)))
""",
    ),
    Package(
        "uvloop",
        "import asyncio, uvloop",
        """
async def main():
    async def serve(reader, writer):
        writer.write(await reader.readline())
        writer.close()
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(b"hello\\n")
    print(await reader.read(), type(asyncio.get_running_loop()).__module__)
    process = await asyncio.create_subprocess_exec("echo", "child", stdout=-1)
    print(await process.communicate())
    writer.close()
    server.close()
uvloop.run(main())
""",
    ),
    Package(
        "cffi",
        "import cffi\nffi = cffi.FFI()\nffi.cdef('int abs(int); void qsort(void *, size_t, size_t, int (*)(const void *, const void *));')",
        """
library = ffi.dlopen(None)
numbers = ffi.new("int[]", [3, 1, 2])
compare = ffi.callback("int(const void *, const void *)", lambda a, b: ffi.cast("int *", a)[0] - ffi.cast("int *", b)[0])
library.qsort(numbers, 3, 4, compare)
print(list(numbers), library.abs(-5))
""",
    ),
    Package(
        "markupsafe",
        "import markupsafe",
        "print(markupsafe.Markup('<b>%s</b>') % '<&>', markupsafe._speedups.__name__)",
    ),
    Package(
        "rapidfuzz",
        "import rapidfuzz.process, rapidfuzz.fuzz",
        "print(rapidfuzz.process.extract('new york', ['york', 'new yrk', 'x'], scorer=rapidfuzz.fuzz.WRatio))",
    ),
    Package(
        "tokenizers",
        "import tokenizers, tokenizers.models, tokenizers.trainers, tokenizers.pre_tokenizers",
        """
made = tokenizers.Tokenizer(tokenizers.models.BPE(unk_token="?"))
made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
made.train_from_iterator(["low lower lowest", "new newer newest"] * 9, tokenizers.trainers.BpeTrainer(vocab_size=40, show_progress=False))
print(made.encode("lowest newest").tokens)
""",
    ),
    Package(
        "duckdb",
        "import duckdb",
        "print(duckdb.sql('select sum(i), max(i::varchar) from range(100000) t(i)').fetchall())",
        refused="jemalloc",
    ),
    Package(
        "numba",
        "import numba\n@numba.njit\ndef before(n):\n    return n * 2\n",
        """
@numba.njit
def after(n):
    total = 0
    for i in range(n):
        total += before(i)
    return total
print(after(1000), before(2.5))
""",
        refused="/proc/cpuinfo",
    ),
    Package(
        "llvmlite",
        "import llvmlite.binding, llvmlite.ir",
        """
llvmlite.binding.initialize_native_target()
llvmlite.binding.initialize_native_asmprinter()
module = llvmlite.binding.parse_assembly("define i32 @f(i32 %a) { %b = add i32 %a, 1\\n ret i32 %b }")
machine = llvmlite.binding.Target.from_default_triple().create_target_machine()
print("ret i32" in str(module), "f:" in machine.emit_assembly(module))
""",
    ),
    Package(
        "sqlalchemy",
        "import sqlalchemy, sqlalchemy.orm, sqlalchemy.dialects.sqlite\n"
        "class Base(sqlalchemy.orm.DeclarativeBase): pass\n"
        "class Row(Base):\n    __tablename__ = 'rows'\n"
        "    id: sqlalchemy.orm.Mapped[int] = sqlalchemy.orm.mapped_column(primary_key=True)\n"
        "    name: sqlalchemy.orm.Mapped[str]\n",
        """
engine = sqlalchemy.create_engine("sqlite://")
Base.metadata.create_all(engine)
with sqlalchemy.orm.Session(engine) as session:
    session.add_all([Row(name=name) for name in "cab"])
    session.commit()
    print([(row.id, row.name) for row in session.scalars(sqlalchemy.select(Row).order_by(Row.name))])
""",
    ),
    Package(
        "psutil",
        "import os, psutil",
        "print(psutil.Process().pid == os.getpid(), psutil.virtual_memory().total > 0, len(psutil.Process().cmdline()) > 0)",
        refused=r"psutil\._pslinux calls getpid\(\)",
    ),
    Package(
        "xxhash",
        "import xxhash",
        "print(xxhash.xxh3_128_hexdigest(b'a' * 9999), xxhash.xxh64(b'a', seed=1).hexdigest())",
    ),
    Package(
        "wrapt",
        "import wrapt",
        "print(wrapt.ObjectProxy([1, 2])[1], wrapt.decorator(lambda w, i, a, k: w(*a) + 1)(abs)(-5))",
    ),
    Package(
        "httptools",
        "import httptools",
        """
class Seen:
    def on_header(self, name, value): print(name, value)
    def on_url(self, url): print(url)
httptools.HttpRequestParser(Seen()).feed_data(b"GET /a HTTP/1.1\\r\\nHost: b\\r\\n\\r\\n")
""",
    ),
    Package(
        "rpds-py",
        "import rpds",
        "print(rpds.HashTrieMap({'a': 1}).insert('b', 2)['b'], list(rpds.List([1, 2]).push_front(0)))",
    ),
    Package(
        "pyzmq",
        "import zmq",
        """
with zmq.Context() as context, context.socket(zmq.PAIR) as one, context.socket(zmq.PAIR) as other:
    port = one.bind_to_random_port("tcp://127.0.0.1")
    other.connect(f"tcp://127.0.0.1:{port}")
    other.send_json({"a": 1})
    print(one.recv_json())
""",
    ),
    Package(
        "numexpr",
        "import numpy, numexpr",
        "a = numpy.arange(1e6); print(numexpr.evaluate('sum(a * 2 + 1)'))",
        refused="threads are running",
    ),
    Package(
        "tornado",
        "import asyncio, tornado.ioloop, tornado.web, tornado.websocket, tornado.speedups",
        "print(tornado.speedups.websocket_mask(b'abcd', b'hello'))",
    ),
    Package("contourpy", "import contourpy", "print(contourpy.contour_generator(z=[[0, 1], [1, 2]]).lines(0.5))"),
    Package(
        "kiwisolver",
        "import kiwisolver",
        "x = kiwisolver.Variable('x'); s = kiwisolver.Solver(); s.addConstraint(x * 2 == 6); s.updateVariables(); print(x.value())",
    ),
]
