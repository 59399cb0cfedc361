"""The gateway's routes: each decodes its request, calls a plain function and renders what that returns."""
