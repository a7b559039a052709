"""Certificates: one CA per ca=, signing the server that belongs to it and its clients."""
import base64
import hashlib
import ipaddress
import subprocess

from lab.net import run

DAYS = "30"


def kind_of(name):
    """As openssl calls it in a subjectAltName."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return "DNS"
    return "IP"


class Pki:
    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()

    @staticmethod
    def digest(key):
        """Of the public key, as `spki` and cuids have it: the first 16 bytes of its SHA-256."""
        der = subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-outform", "DER"],
                             capture_output=True, check=True).stdout
        text = base64.urlsafe_b64encode(hashlib.sha256(der).digest()[:16])
        return text.decode().rstrip("=")

    def key(self, name):
        path = self.folder / f"{name}.key"
        run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(path)])
        return path

    def ca(self, name):
        """File of the CA's certificate; made when first asked for."""
        crt = self.folder / f"{name}.crt"
        if not crt.exists():
            run(["openssl", "req", "-x509", "-new", "-key", str(self.key(name)), "-sha256",
                 "-days", DAYS, "-subj", f"/CN={name}", "-out", str(crt),
                 "-addext", "basicConstraints=critical,CA:TRUE",
                 "-addext", "keyUsage=critical,keyCertSign,cRLSign"])
        return crt

    def leaf(self, ca, dns_name, usage, also=()):
        """Credentials, as a configuration has them, of dns_name and the names `also`, signed by ca."""
        trust = self.ca(ca)
        stem = f"{ca}-{dns_name}"
        crt, csr, ext = (self.folder / f"{stem}.{e}" for e in ("crt", "csr", "ext"))
        key = self.folder / f"{stem}.key"
        if not crt.exists():
            self.key(stem)
            names = ",".join(f"{kind_of(name)}:{name}" for name in (dns_name, *also))
            ext.write_text(f"subjectAltName={names}\nextendedKeyUsage={usage}\n"
                           "basicConstraints=critical,CA:FALSE\n"
                           "keyUsage=critical,digitalSignature\n")
            run(["openssl", "req", "-new", "-key", str(key), "-subj", f"/CN={dns_name}",
                 "-out", str(csr)])
            run(["openssl", "x509", "-req", "-in", str(csr), "-CA", str(trust),
                 "-CAkey", str(self.folder / f"{ca}.key"), "-CAcreateserial", "-sha256",
                 "-days", DAYS, "-extfile", str(ext), "-out", str(crt)])
        return {"certificate": str(crt), "key": str(key), "trust": str(trust)}
