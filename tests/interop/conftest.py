"""Fixtures of the interoperability tests."""

import subprocess

import pytest

from peers import BUILT, IDENTITY, KEY_HEX, Program, free_port


class Issuer:
    """Certificates made by openssl in one directory."""

    def __init__(self, folder):
        self.folder = folder

    def openssl(self, *args):
        subprocess.run(["openssl", *args], cwd=self.folder, check=True, capture_output=True)

    def ca(self, name):
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                     "-keyout", f"{name}.key", "-out", f"{name}.crt", "-days", "2", "-subj",
                     f"/CN={name}", "-addext", "keyUsage=critical,keyCertSign,cRLSign")

    def leaf(self, name, issuer, extensions, rsa=False):
        """One with an RSA key is good for the exchange of keys by RSA, too, which has to be refused for itself."""
        key = ["rsa:2048"] if rsa else ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        usage = "digitalSignature,keyEncipherment" if rsa else "digitalSignature"
        (self.folder / f"{name}.ext").write_text(
            f"basicConstraints=CA:FALSE\nkeyUsage={usage}\n{extensions}")
        self.openssl("req", "-newkey", *key, "-nodes", "-keyout", f"{name}.key", "-out",
                     f"{name}.csr", "-subj", f"/CN={name}")
        self.openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{issuer}.crt", "-CAkey",
                     f"{issuer}.key", "-CAcreateserial", "-days", "2", "-extfile", f"{name}.ext",
                     "-out", f"{name}.crt")

    def expired(self, name, issuer):
        """openssl's x509 cannot look back; certtool can."""
        (self.folder / f"{name}.cfg").write_text(
            f'cn = "{name}"\nactivation_date = "2020-01-01 00:00:00"\n'
            'expiration_date = "2021-01-01 00:00:00"\nsigning_key\ntls_www_client\n')
        subprocess.run(["certtool", "--generate-privkey", "--key-type", "ecdsa", "--curve",
                        "secp256r1", "--outfile", f"{name}.key"], cwd=self.folder, check=True,
                       capture_output=True)
        subprocess.run(["certtool", "--generate-certificate", "--load-privkey", f"{name}.key",
                        "--load-ca-certificate", f"{issuer}.crt", "--load-ca-privkey",
                        f"{issuer}.key", "--template", f"{name}.cfg", "--outfile", f"{name}.crt"],
                       cwd=self.folder, check=True, capture_output=True)


@pytest.fixture(scope="session")
def pki(tmp_path_factory):
    """ca, server (dots.example, 127.0.0.1) and client; foreign: of another CA; stranger: a good one
    that nobody knows; expired."""
    d = tmp_path_factory.mktemp("pki")
    i = Issuer(d)
    i.ca("ca")
    i.ca("ca2")
    server_names = ("subjectAltName=DNS:dots.example,DNS:localhost,IP:127.0.0.1\n"
                    "extendedKeyUsage=serverAuth\n")
    i.leaf("server", "ca", server_names)
    i.leaf("server-rsa", "ca", server_names, rsa=True)
    i.leaf("client", "ca", "extendedKeyUsage=clientAuth\n")
    i.leaf("client-rsa", "ca", "extendedKeyUsage=clientAuth\n", rsa=True)
    i.leaf("stranger", "ca", "extendedKeyUsage=clientAuth\n")
    i.leaf("foreign", "ca2", "extendedKeyUsage=clientAuth\n")
    i.expired("expired", "ca")
    (d / "key.psk").write_text(KEY_HEX + "\n")
    return d


@pytest.fixture
def run():
    programs = []

    def start(*args, **kwargs):
        programs.append(Program(*args, **kwargs))
        return programs[-1]

    yield start
    for p in programs:
        p.stop()


@pytest.fixture
def serve(run, pki):
    """Starts echo_server; kinds: x509, psk. Returns (program, port)."""

    def start(*kinds, certificate="server"):
        port = free_port()
        args = [BUILT / "echo_server", f"127.0.0.1:{port}"]
        if "x509" in kinds:
            args += [pki / f"{certificate}.crt", pki / f"{certificate}.key", pki / "ca.crt"]
        if "psk" in kinds:
            args += [IDENTITY, pki / "key.psk"]
        server = run(*args)
        server.wait_for("^listening$")
        return server, port

    return start
