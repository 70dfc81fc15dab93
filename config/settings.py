"""Every setting of the site. Each variable read here stands in docs/configuration.md (a test compares the two)."""

import os
from pathlib import Path
from typing import Any

import django_stubs_ext
import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
django_stubs_ext.monkeypatch()


def _secret_key(data_dir: Path) -> str:
    """The variable SECRET_KEY, else the file that `make up` wrote. There is no default."""
    if key := env.str("SECRET_KEY", default=""):
        return str(key)
    try:
        return (data_dir / "secret-key").read_text(encoding="ascii").strip()
    except FileNotFoundError:
        raise ImproperlyConfigured(
            f"No secret key: set SECRET_KEY, or run `make up` once, which writes {data_dir / 'secret-key'}."
        ) from None


# Where everything is kept
DATA_DIR = Path(env.str("DATA_DIR", default=str(BASE_DIR / "data"))).resolve()
FORGETTING_LOG = env.str("FORGETTING_LOG", default=str(DATA_DIR / "forgetting.jsonl"))
SECRET_KEY = _secret_key(DATA_DIR)
DEBUG = False

# Who may ask, and how the request came in
SITE_NAME = env.str("SITE_NAME", default="")  # the real host name; without it HSTS stays off
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[SITE_NAME] if SITE_NAME else ["localhost", "127.0.0.1"])
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", default=0)
OPERATOR_NAME = env.str("OPERATOR_NAME", default="")
OPERATOR_CONTACT = env.str("OPERATOR_CONTACT", default="")
INTERNAL_IPS: list[str] = []
WEB_THREADS = env.int("WEB_THREADS", default=32)

# What is asked of volunteers and given to them
MINIMUM_AGE = env.int("MINIMUM_AGE", default=18)
PHOTOS_PER_DAY = env.int("PHOTOS_PER_DAY", default=200)
UPLOADS_PER_MINUTE = env.int("UPLOADS_PER_MINUTE", default=60)
ADDRESS_UPLOADS_PER_MINUTE = env.int("ADDRESS_UPLOADS_PER_MINUTE", default=600)
REQUESTS_PER_MINUTE = env.int("REQUESTS_PER_MINUTE", default=300)
PARTICIPANTS_PER_HOUR = env.int("PARTICIPANTS_PER_HOUR", default=60)
RECEIPT_TRIES_PER_HOUR = env.int("RECEIPT_TRIES_PER_HOUR", default=20)
TRIES_PER_MINUTE = env.int("TRIES_PER_MINUTE", default=20)
COUNT_TARGET = env.int("COUNT_TARGET", default=100)  # people wanted with an accepted photo of each smiley

# Intake
PHOTO_MAX_BYTES = env.int("PHOTO_MAX_BYTES", default=8 * 1024 * 1024)
PHOTO_MAX_PIXELS = env.int("PHOTO_MAX_PIXELS", default=16_000_000)
PHOTO_MAX_SIDE = env.int("PHOTO_MAX_SIDE", default=6000)
DECODE_SECONDS = env.int("DECODE_SECONDS", default=5)
DECODE_MEGABYTES = env.int("DECODE_MEGABYTES", default=512)
DECODE_PROCESSES = env.int("DECODE_PROCESSES", default=os.cpu_count() or 1)
VIDEO_MAX_BYTES = env.int("VIDEO_MAX_BYTES", default=2 * 1024**3)
VIDEO_KEEP_DAYS = env.int("VIDEO_KEEP_DAYS", default=7)
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = PHOTO_MAX_BYTES + 1024 * 1024  # an accepted photo never touches a temp file
DATA_UPLOAD_MAX_NUMBER_FILES = 1

# Review and training
REVIEW_QUORUM = env.int("REVIEW_QUORUM", default=2)
REVIEW_GOLD_PERCENT = env.int("REVIEW_GOLD_PERCENT", default=3)
REVIEW_RECHECK_PERCENT = env.int("REVIEW_RECHECK_PERCENT", default=3)
REVIEW_GRID_CHECK_PERCENT = env.int("REVIEW_GRID_CHECK_PERCENT", default=5)
QUALITY_THRESHOLDS = env.json("QUALITY_THRESHOLDS", default={})  # of ml.faces.quality.Thresholds, by name
TRAINING_TASKS = env.str("TRAINING_TASKS", default="smiley,keypoints,unmask").replace(",", " ").split()
if _unknown := set(TRAINING_TASKS) - {"smiley", "keypoints", "unmask"}:
    raise ImproperlyConfigured(
        f"TRAINING_TASKS names {', '.join(sorted(_unknown))}; there are smiley, keypoints and unmask."
    )
TRAINING_HOURS = env.int("TRAINING_HOURS", default=24)  # 0: not by the clock
TRAINING_DECISIONS = env.int("TRAINING_DECISIONS", default=200)  # 0: not by what comes in
TRAINING_PAUSE_MINUTES = env.int("TRAINING_PAUSE_MINUTES", default=10)
TRAINING_SECONDS = env.int("TRAINING_SECONDS", default=3600)
TRAINING_RANDOM_SPLIT = env.bool("TRAINING_RANDOM_SPLIT", default=True)
STALE_MODEL_DAYS = env.int("STALE_MODEL_DAYS", default=7)
MASKS_PER_FACE = env.int("MASKS_PER_FACE", default=1)  # masked variants kept of each face of a data set
FREEZE_HOURS = env.int("FREEZE_HOURS", default=0)  # 0: not by the clock
EXPORT_DAYS = env.int("EXPORT_DAYS", default=7)
EXPORT_LINK_HOURS = env.int("EXPORT_LINK_HOURS", default=24)

# Background work
JOB_LEASE_SECONDS = env.int("JOB_LEASE_SECONDS", default=30)
JOB_ATTEMPTS = env.int("JOB_ATTEMPTS", default=3)
SWEEP_SECONDS = env.int("SWEEP_SECONDS", default=60)
ORPHAN_HOURS = env.int("ORPHAN_HOURS", default=1)

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "axes",
    "csp",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "operations",
    "collector",
    "labeling",
    "training",
]

MIDDLEWARE = [
    "operations.middleware.TrustedProxyMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "operations.middleware.RequestLogMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "operations.middleware.ApiProblemMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "operations.middleware.PermissionsPolicyMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

# Database: SQLite unless DATABASE_URL names another
DATABASES: dict[str, dict[str, Any]] = {
    "default": env.db_url("DATABASE_URL", default=f"sqlite:///{DATA_DIR / 'smielfy.sqlite3'}")
}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        # secure_delete: a withdrawn row must not stay readable in the file's free pages.
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA secure_delete=ON;"
        " PRAGMA cache_size=-16000;",
    }
    # A file, for the tests' threads and processes share it.
    DATABASES["default"]["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}
else:
    DATABASES["default"]["CONN_MAX_AGE"] = 60
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True

# Broker
REDIS_URL = env.str("REDIS_URL", default="")
_socket = DATA_DIR / "run" / "redis.sock"
CELERY_BROKER_URL = REDIS_URL or f"redis+socket://{_socket}?virtual_host=0"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_TASK_CREATE_MISSING_QUEUES = True
CELERY_TASK_DEFAULT_QUEUE = "bulk"
CELERY_TASK_DEFAULT_PRIORITY = 3
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "queue_order_strategy": "priority",  # 0, the canary's, before 3, the jobs'
    "socket_timeout": 5,
    "socket_connect_timeout": 2,
}
CELERY_BEAT_SCHEDULE = {
    "sweep": {
        "task": "operations.sweep",
        "schedule": SWEEP_SECONDS,
        # One that a busy worker has not come to before the next would only be done twice.
        "options": {"priority": 0, "queue": "bulk", "expires": SWEEP_SECONDS},
    },
}

# Cache: throttle counters only, shared between web processes; it may be lost at any time.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        # A socket has another name in Celery's addresses than in those of the Redis client.
        "LOCATION": REDIS_URL.replace("redis+socket://", "unix://", 1).replace("virtual_host=", "db=", 1)
        or f"unix://{_socket}?db=1",
        "KEY_PREFIX": "smielfy",
        # A counter is not worth waiting for: without an answer in this time nobody is throttled.
        "OPTIONS": {"socket_timeout": 0.5, "socket_connect_timeout": 0.5},
    }
}

# Files: private, and never under a public address
FILES_URL = env.str("FILES_URL", default="")
_files: dict[str, Any] = (
    {"BACKEND": "operations.stores.objects.ObjectStore", "OPTIONS": {"url": FILES_URL}}
    if FILES_URL
    else {"BACKEND": "operations.stores.local.LocalStore", "OPTIONS": {"location": DATA_DIR / "private"}}
)
STORAGES = {
    "default": _files,
    "staticfiles": {"BACKEND": "operations.static_files.ModuleManifestStorage"},
}
WHITENOISE_SKIP_COMPRESS_EXTENSIONS = ("jpg", "jpeg", "png", "webp", "gz", "br", "woff", "woff2", "map")
WHITENOISE_KEEP_ONLY_HASHED_FILES = True
STATIC_URL = "/static/"
STATIC_ROOT = Path(env.str("STATIC_ROOT", default=str(BASE_DIR / "staticfiles")))
_npm = BASE_DIR / "node_modules"
STATICFILES_DIRS = [
    BASE_DIR / "static",
    *([("vendor/simpledotcss", _npm / "simpledotcss")] if (_npm / "simpledotcss").is_dir() else []),
    # by operations/launch/publish.sh
    *([("vendor", _npm / ".published")] if (_npm / ".published").is_dir() else []),
]
FILE_UPLOAD_PERMISSIONS = 0o600
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o700
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]

# Staff accounts
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "admin:login"
AXES_FAILURE_LIMIT = env.int("LOGIN_FAILURES", default=5)
AXES_COOLOFF_TIME = 1  # hour
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_CLIENT_IP_CALLABLE = "operations.middleware.client_address"
AXES_VERBOSE = False

# Cookies and headers
SESSION_COOKIE_NAME = "__Host-session"
SESSION_COOKIE_SECURE = True
SESSION_COOKIE_AGE = 12 * 3600
CSRF_COOKIE_NAME = "__Host-csrftoken"
CSRF_COOKIE_SECURE = True
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "operations.problems.csrf_failure"
SECURE_SSL_REDIRECT = env.bool("SSL_REDIRECT", default=True)
SECURE_REDIRECT_EXEMPT = [r"^healthz$"]
# A self-signed or internal name must not be pinned to HTTPS for a year.
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if SITE_NAME else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = env.bool("HSTS_INCLUDE_SUBDOMAINS", default=True)
SECURE_HSTS_PRELOAD = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if TRUSTED_PROXIES:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
if not SITE_NAME:
    SILENCED_SYSTEM_CHECKS = ["security.W004"]  # HSTS: on purpose, see above

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "blob:", "data:"],
        "media-src": [SELF, "blob:"],
        "connect-src": [SELF],
        "font-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}

# API
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["collector.authentication.ParticipantAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_THROTTLE_CLASSES": ["operations.throttling.VisitorThrottle"],
    "DEFAULT_THROTTLE_RATES": {
        "address": f"{REQUESTS_PER_MINUTE}/min",
        "upload": f"{UPLOADS_PER_MINUTE}/min",
        "address_upload": f"{ADDRESS_UPLOADS_PER_MINUTE}/min",
        "participant": f"{PARTICIPANTS_PER_HOUR}/hour",
        "receipt": f"{RECEIPT_TRIES_PER_HOUR}/hour",
        "export": "10/hour",
        "try": f"{TRIES_PER_MINUTE}/min",
        "staff": "1200/min",
        "wrong_token": "30/min",
    },
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "operations.api_errors.exception_handler",
    "UNAUTHENTICATED_USER": None,
    "COERCE_DECIMAL_TO_STRING": False,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Smielfy",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "ENUM_NAME_OVERRIDES": {},
}

# Languages, each named by itself. A visitor gets the browser's, unless they choose another.
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("ru", "Русский"), ("zh-hans", "简体中文")]
LOCALE_PATHS = [BASE_DIR / "locale"]
LANGUAGE_COOKIE_NAME = "__Host-language"
LANGUAGE_COOKIE_SECURE = True
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
USE_I18N = True
TIME_ZONE = "UTC"
USE_TZ = True

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {
            "()": "pythonjsonlogger.json.JsonFormatter",
            "format": "{asctime}{levelname}{name}{message}",
            "style": "{",
            "rename_fields": {"asctime": "time", "levelname": "level", "name": "logger"},
        }
    },
    "filters": {"secrets": {"()": "operations.logs.SecretFilter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json", "filters": ["secrets"]}},
    "root": {"handlers": ["stderr"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {
        "django": {"handlers": [], "propagate": True},
        "django.server": {"handlers": [], "propagate": True},
        "axes": {"level": "WARNING"},
    },
}
