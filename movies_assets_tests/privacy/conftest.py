from movies_assets_tests.http_servers import (  # noqa: F401 (fixtures)
    _file_server,
    _server,
    catalogue,
    file_server,
)
