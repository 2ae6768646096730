"""Celery: an application with a task, which is run at once."""

from import_clock import imports_timed

with imports_timed():
    from celery import Celery

app = Celery("bench", broker="memory://", backend="cache+memory://")
app.conf.task_always_eager = True


@app.task
def add(x, y):
    return x + y


print(add.delay(2, 3).get())
