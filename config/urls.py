from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularAPIView

from operations.docs import ApiDocsView

api: list[URLPattern | URLResolver] = [
    path("schema/", SpectacularAPIView.as_view(), name="api-schema"),
    path("docs/", ApiDocsView.as_view(), name="api-docs"),
    path("", include("collector.api_urls")),
    path("", include("labeling.api_urls")),
    path("", include("training.api_urls")),
]

urlpatterns = [
    path("", include("operations.urls")),
    path("", include("collector.page_urls")),
    path("", include("collector.media_urls")),
    path("", include("labeling.urls")),
    path("", include("training.urls")),
    path("api/v1/", include(api)),
    path("admin/", admin.site.urls),
]
