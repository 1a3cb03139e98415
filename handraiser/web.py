"""The FastAPI app that every process of ours begins with: in, a title; out, an app with our error answers."""

from fastapi import FastAPI

from handraiser import VERSION
from runtime.web import install_error_answers


def new_app(title: str) -> FastAPI:
    """No pages of its own: the OpenAPI document is at /openapi.json, the pages that draw it would load scripts from elsewhere."""
    app = FastAPI(title=title, version=VERSION, docs_url=None, redoc_url=None, redirect_slashes=False)
    install_error_answers(app)
    return app
