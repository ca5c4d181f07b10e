"""Registers and identifies by the Python client that openapi-generator has made.

URL, KEY, USER_ID, three photos of the user, one more, and one of a stranger.
"""

import json
import sys
from pathlib import Path

from of_generator import ApiClient, Configuration, IdentifyApi, UsersApi

url, key, user_id, *paths = sys.argv[1:]
# Else it takes JSON, as it does wherever an operation knows JSON too.
as_form = {"_content_type": "multipart/form-data"}
photos = [(path, Path(path).read_bytes()) for path in paths]
with ApiClient(Configuration(host=url, access_token=key)) as client:
    registered = UsersApi(client).register_user(user_id=user_id, photos=photos[:3], **as_form)
    identified = IdentifyApi(client).identify(photos=photos[3:], **as_form)
accepted = [photo.accepted for photo in registered.photos]
sys.stdout.write(json.dumps([accepted, [face.user_id for face in identified.faces]]))
