"""Texts with and without secrets. The secrets are made up, and put together here so that no scanner finds them."""

from __future__ import annotations

SECRETS: dict[str, list[str]] = {
    "private-key": [
        "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIEowIBAAKCAQEAv3\nabc/def+0==\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN " + "PRIVATE KEY-----\\nMIIEowIBAAKCAQEAv3\\nabc\\/def+0==\\n-----END PRIVATE KEY-----",
        "-----BEGIN OPENSSH " + "PRIVATE KEY-----\\\\nb3BlbnNzaC1rZXktdjEAAAAA\\\\nBG5vbmUAAAAEbm9uZQ",
        "-----BEGIN PGP " + "PRIVATE KEY BLOCK-----\nVersion: 2.0\n\nlQOYBF-x/0\n-----END PGP PRIVATE KEY BLOCK-----",
    ],
    "model-key": [
        "sk-" + "abcdefghijklmnopqrstT3BlbkFJabcdefghijklmnopqrst",
        "sk-" + "proj-abc_def-ghijklmnopqrstuvwxyz0123",
        "sk-" + "ant-api03-abcdefghijklmnop_qrst-uvw",
        "sk-" + "or-v1-0123456789abcdef0123456789abcdef",
    ],
    "aws-key-id": ["AKIA" + "IOSFODNN7EXAMPLE", "ASIA" + "IOSFODNN7EXAMPLE"],
    "aws-secret-key": ["aws_secret_access_key = " + "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"],
    "github-token": ["ghp_" + "a1B2" * 9, "github_pat_" + "11ABCDEFG0123456789_abcdefghij"],
    "slack-token": ["xoxb-" + "123456789012-abcdefABCDEF", "xapp-1-" + "A0123456789-abc"],
    "google-key": ["AIza" + "SyA-1234567890abcdefghijklmnopqrstu"],
    "stripe-key": ["sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc", "rk_live_" + "4eC39HqLyjWDarjtT1zdp7dc"],
    "jwt": ["eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0NTY3ODkwIn0.SflKxwRJSMeKKF2QT4fwpM"],
    "bearer-token": ["Authorization: Bearer " + "0123456789abcdefghijklmn", "bearer " + "abc.def_ghi~jkl+mno/pqr=="],
    "basic-credentials": ['"authorization": "Basic ' + 'dXNlcjpwYXNzd29yZA=="'],
    "url-password": [
        "postgresql://app:" + "s3cr3t@db/x",
        "https:\\/\\/u:" + "p@ss@h\\/",
        "redis://:" + "pw@cache:6379",
    ],
    "payment-card": [
        "4111 1111 1111 1111",
        "5555-5555-5555-4444",
        "378282246310005",
        "6011111111111117",
        "30569309025904",
    ],
    "us-ssn": ["078-05-1120"],
    "iban": ["DE89370400440532013000", "GB82 WEST 1234 5698 7654 32", "NO9386011117947", "FR1420041010050500013M02606"],
    "phone": ["+14155552671", "+1 (415) 555-2671", "+49 30 1234567", "+33 6 12 34 56 78", "+44 20 7946 0958"],
    "email": ["bob@example.com", "first.last+tag@sub.example.co.uk", "x@163.com", "o_o@3m.com"],
}

AROUND = ["{}", "it is {} here", '{{"content":"{}"}}', '"a\\n{}\\n"', '\\"{}\\"', "é{}", "({})", "a,{};", '"\\u00e9{}"']
"""Where they stand: prose, JSON, JSON in JSON."""

HARMLESS = [
    "4bf92f3577b34da6a3ce929d0e0e4736",
    "00f067aa0ba902b7",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
    "5f0c1111-1111-4111-8111-111111111111",
    "1700000000000000000",
    "1700000000000000",
    "4111111111111112",
    "0.4111111111111111",
    "-4111111111111111",
    "3.141592653589793",
    "1e+21",
    "2026-01-15T10:00:00.123456789+01:00",
    "10.0.0.1:4317",
    "v1.2.3-rc.1+20240101120000",
    "lodash@4.17.21",
    "pkg@1.0.0-beta.rc",
    "@scope/package@2.0-beta.rc",
    "http://localhost:8080/a@b",
    "gpt-4o-2024-08-06",
    "chatcmpl-9f86d081884c7d659a2feaa0",
    "sk-learn-pipeline-with-many-steps",
    "task-abcdefghijklmnopqrstuvwxyz",
    "desk-abcdefghijklmnopqrstuvwxyz",
    "Basic training takes basic equipment",
    "the bearer of this letter",
    "-----BEGIN PRIVATE KEY----- is how such a file begins",
    "@@ -12,7 +12345678 @@",
    "muster.approval.id=apr_4242424242424241",
    "BE68 is a Belgian prefix",
    "[redacted:payment-card]",
    "[email:0123456789abcdef]",
]
