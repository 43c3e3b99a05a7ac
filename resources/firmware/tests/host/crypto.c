/* Runs on the build machine: the firmware's hashes and signatures against published vectors. Prints what failed. */
#include <stdio.h>
#include <string.h>

#include "ecdsa.h"
#include "sha2.h"

static int failures;

static void hex(const u8 *bytes, size_t size, char *to) {
  for (size_t i = 0; i < size; i++)
    sprintf(to + 2 * i, "%02x", bytes[i]);
}

static void unhex(const char *from, u8 *to) {
  for (size_t i = 0; from[2 * i]; i++) {
    unsigned byte;
    sscanf(from + 2 * i, "%2x", &byte);
    to[i] = (u8)byte;
  }
}

static void expect(const char *what, const u8 *bytes, size_t size, const char *expected) {
  char text[2 * 96 + 1];
  hex(bytes, size, text);
  if (strcmp(text, expected)) {
    failures++;
    printf("FAIL %s\n  got      %s\n  expected %s\n", what, text, expected);
  } else
    printf("PASS %s\n", what);
}

/* FIPS 180-4 examples (NIST, "Secure Hashing" example values). */
static const char two_blocks[] = "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu";
static const char one_and_a_bit[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";

static void hashes(void) {
  u8 digest[64];
  sha256("abc", 3, digest);
  expect("SHA-256 abc", digest, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  sha256(one_and_a_bit, strlen(one_and_a_bit), digest);
  expect("SHA-256 two blocks", digest, 32, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  sha256("", 0, digest);
  expect("SHA-256 empty", digest, 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  sha384("abc", 3, digest);
  expect("SHA-384 abc", digest, 48,
         "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7");
  sha384(two_blocks, strlen(two_blocks), digest);
  expect("SHA-384 two blocks", digest, 48,
         "09330c33f71147e83d192fc782cd1b4753111b173b3b05d22fa08086e3b0f712fcc7c71a557e2db966c3e9fa91746039");
  sha512("abc", 3, digest);
  expect("SHA-512 abc", digest, 64,
         "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
         "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
  sha512(two_blocks, strlen(two_blocks), digest);
  expect("SHA-512 two blocks", digest, 64,
         "8e959b75dae313da8cf4f72814fc143f8f7779c6eb9f7fa17299aeadb6889018"
         "501d289e4900f7e4331b99dec4b5433ac7d329eeb6dd26545e96e55b874be909");
  /* One million times "a", in pieces that do not meet block borders. */
  struct sha256 hash256;
  struct sha512 hash512;
  u8 piece[125];
  memset(piece, 'a', sizeof piece);
  sha256_start(&hash256);
  sha512_start(&hash512);
  for (int i = 0; i < 8000; i++) {
    sha256_update(&hash256, piece, sizeof piece);
    sha512_update(&hash512, piece, sizeof piece);
  }
  sha256_finish(&hash256, digest);
  expect("SHA-256 a million a", digest, 32, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  sha512_finish(&hash512, digest);
  expect("SHA-512 a million a", digest, 64,
         "e718483d0ce769644e2e42c7bc15b4638e1f98b13b2044285632a803afa973eb"
         "de0ff244877ea60a4cb0432ce577c31beb009c5c2c49aa2e4eadb217ad8cc09b");
  /* RFC 4231, test cases 1, 2 and 6. */
  struct hmac_sha384 hmac;
  u8 key[131];
  memset(key, 0x0b, 20);
  hmac_sha384_start(&hmac, key, 20);
  hmac_sha384_update(&hmac, "Hi There", 8);
  hmac_sha384_finish(&hmac, digest);
  expect("HMAC-SHA-384 case 1", digest, 48,
         "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa9cb6");
  hmac_sha384_start(&hmac, (const u8 *)"Jefe", 4);
  hmac_sha384_update(&hmac, "what do ya want for nothing?", 28);
  hmac_sha384_finish(&hmac, digest);
  expect("HMAC-SHA-384 case 2", digest, 48,
         "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649");
  memset(key, 0xaa, 131);
  hmac_sha384_start(&hmac, key, 131);
  hmac_sha384_update(&hmac, "Test Using Larger Than Block-Size Key - Hash Key First", 54);
  hmac_sha384_finish(&hmac, digest);
  expect("HMAC-SHA-384 case 6", digest, 48,
         "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c60c2ef6ab4030fe8296248df163f44952");
}

/* RFC 6979 A.2.6: P-384 with SHA-384. */
static void signatures(void) {
  u8 key[48], x[48], y[48], digest[48], signature[96];
  unhex("6b9d3dad2e1b8c1c05b19875b6659f4de23c3b667bf297ba9aa47740787137d896d5724e4c70a825f872c9ea60d2edf5", key);
  ecdsa_public_key(key, x, y);
  expect("public key x", x, 48, "ec3a4e415b4e19a4568618029f427fa5da9a8bc4ae92e02e06aae5286b300c64def8f0ea9055866064a254515480bc13");
  expect("public key y", y, 48, "8015d9b72d7d57244ea8ef9ac0c621896708a59367f9dfb9f54ca84b3f1c9db1288b231c3ae0d4fe7344fd2533264720");
  sha384("sample", 6, digest);
  ecdsa_sign(key, digest, signature);
  expect("signature of \"sample\"", signature, 96,
         "94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c81a648152e44acf96e36dd1e80fabe46"
         "99ef4aeb15f178cea1fe40db2603138f130e740a19624526203b6351d0a3a94fa329c145786e679e7b82c71a38628ac8");
  sha384("test", 4, digest);
  ecdsa_sign(key, digest, signature);
  expect("signature of \"test\"", signature, 96,
         "8203b63d3c853e8d77227fb377bcf7b7b772e97892a80f36ab775d509d7a5feb0542a7f0812998da8f1dd3ca3cf023db"
         "ddd0760448d42d8a43af45af836fce4de8be06b485e9b61b827c2f13173923e06a739f040649a667bf3b828246baa5a5");
  /* Keys that are none: 0 and the order. */
  u8 bad[48] = {0};
  failures += ecdsa_sign(bad, digest, signature);
  unhex("ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973", bad);
  failures += ecdsa_sign(bad, digest, signature);
  /* The largest key: minus the base point. */
  bad[47]--;
  ecdsa_public_key(bad, x, y);
  expect("(order - 1) times the base point", x, 48,
         "aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7");
}

int main(void) {
  hashes();
  signatures();
  printf("%d failures\n", failures);
  return failures != 0;
}
