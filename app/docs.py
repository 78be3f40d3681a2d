"""/docs: Swagger UI from the files of the package fastapi_swagger, without any other server."""

from importlib import resources

from fastapi import APIRouter, Response

router = APIRouter(include_in_schema=False)
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"
)
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Ganvas API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/init.js"></script>
</body>
</html>
"""
INIT = """SwaggerUIBundle({
  url: "/openapi.json", dom_id: "#ui", deepLinking: true, displayRequestDuration: true,
  validatorUrl: null
});
"""


@router.get("/docs")
async def show_docs() -> Response:
    return Response(PAGE, media_type="text/html", headers={"Content-Security-Policy": CSP})


@router.get("/docs/init.js")
async def show_docs_init() -> Response:
    return Response(INIT, media_type="text/javascript")


@router.get("/docs/swagger-ui-bundle.js")
def show_docs_script() -> Response:
    return _resource("swagger-ui-bundle.js", "text/javascript")


@router.get("/docs/swagger-ui.css")
def show_docs_style() -> Response:
    return _resource("swagger-ui.css", "text/css")


def _resource(name: str, media_type: str) -> Response:
    content = (resources.files("fastapi_swagger") / "resources" / name).read_bytes()
    return Response(
        content, media_type=media_type, headers={"Cache-Control": "public, max-age=86400"}
    )
