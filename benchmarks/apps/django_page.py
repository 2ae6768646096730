"""django: settings, the common applications, one page through middleware, view and template."""

from import_clock import imports_timed

with imports_timed():
    import django
    from django.conf import settings

    settings.configure(
        SECRET_KEY="benchmark",
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=__name__,
        INSTALLED_APPS=[
            "django.contrib.admin",
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.messages",
            "django.contrib.sessions",
        ],
        MIDDLEWARE=["django.middleware.security.SecurityMiddleware", "django.middleware.common.CommonMiddleware"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}],
    )
    django.setup()
    from django.core.handlers.wsgi import WSGIHandler
    from django.http import HttpResponse
    from django.template import engines
    from django.test import RequestFactory
    from django.urls import path


def page(request):
    template = engines["django"].from_string("{% for n in numbers %}{{ n|add:1 }} {% endfor %}")
    return HttpResponse(template.render({"numbers": range(3)}, request))


urlpatterns = [path("", page)]
response = WSGIHandler().get_response(RequestFactory().get("/"))
print(response.status_code, response.content)
