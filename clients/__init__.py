"""Clients of Farsight's HTTP API. They know the API, nothing of the service's code."""

from clients.answers import (
    Box,
    Candidate,
    Decision,
    Erasure,
    Face,
    Identification,
    IdentifiedFace,
    JsonObject,
    PhotoError,
    PhotoReport,
    Quality,
    Registration,
    SearchedPhoto,
    StoredPhoto,
    User,
    UserDetail,
    UserPage,
    Verification,
    Version,
)
from clients.async_client import AsyncClient
from clients.calls import NamedPhoto
from clients.client import Client
from clients.error import ApiError

__all__ = [
    "ApiError",
    "AsyncClient",
    "Box",
    "Candidate",
    "Client",
    "Decision",
    "Erasure",
    "Face",
    "Identification",
    "IdentifiedFace",
    "JsonObject",
    "NamedPhoto",
    "PhotoError",
    "PhotoReport",
    "Quality",
    "Registration",
    "SearchedPhoto",
    "StoredPhoto",
    "User",
    "UserDetail",
    "UserPage",
    "Verification",
    "Version",
]
