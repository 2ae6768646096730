"""flask: an application answers one request of the test client."""

from import_clock import imports_timed

with imports_timed():
    import flask

application = flask.Flask(__name__)


@application.route("/items/<int:number>")
def item(number):
    return flask.render_template_string("item {{ number }}", number=number)


with application.test_client() as client:
    print(client.get("/items/7").get_data(as_text=True))
