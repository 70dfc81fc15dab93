"""The API's own documentation page."""

from csp.constants import SELF
from csp.decorators import csp_update
from django.utils.decorators import method_decorator
from drf_spectacular.views import SpectacularSwaggerSplitView


@method_decorator(csp_update({"style-src": [SELF]}), name="dispatch")
class ApiDocsView(SpectacularSwaggerSplitView):
    """Swagger, with its script in a file of its own, as the content security policy asks."""

    url_name = "api-schema"
