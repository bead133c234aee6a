package test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"math/big"
	"strings"
	"testing"
)

// rsaMutations are signatures that only who has the key can make, of what no good signer would sign.
func rsaMutations(t *testing.T, k tokenKeys, issuer string) map[string]string {
	t.Helper()
	out := map[string]string{}
	rs, _ := k["RS256"].(*rsa.PrivateKey)
	signed := b64(headerOf("RS256")) + "." + b64(payloadOf(issuer))
	for name, info := range digestInfos(signed) {
		out["RS256: "+name] = signed + "." + b64(rawRSA(rs, paddedInfo(rs, info)))
	}
	for name, block := range blocks(rs, digestInfos(signed)["good"]) {
		out["RS256: "+name] = signed + "." + b64(rawRSA(rs, block))
	}
	good := new(big.Int).SetBytes([]byte(rawRSA(rs, paddedInfo(rs, digestInfos(signed)["good"]))))
	out["RS256: not reduced"] = signed + "." + b64(string(new(big.Int).Add(good, rs.N).Bytes()))
	out["RS256: the modulus"] = signed + "." + b64(string(rs.N.Bytes()))
	out["RS256: the modulus less one"] = signed + "." + b64(string(new(big.Int).Sub(rs.N, big.NewInt(1)).Bytes()))

	ps, _ := k["PS256"].(*rsa.PrivateKey)
	signed = b64(headerOf("PS256")) + "." + b64(payloadOf(issuer))
	digest := sha256.Sum256([]byte(signed))
	for name, length := range map[string]int{"no salt": -2, "salt of one byte": 1, "salt of 20": 20, "salt of 31": 31, "salt of 32": 32, "salt of 33": 33, "salt of 64": 64, "the longest salt": rsa.PSSSaltLengthAuto} {
		out["PS256: "+name] = signed + "." + b64(string(signPSS(t, ps, digest[:], length)))
	}
	block := new(big.Int).Exp(new(big.Int).SetBytes(signPSS(t, ps, digest[:], 32)), big.NewInt(int64(ps.E)), ps.N).FillBytes(make([]byte, 256))
	for name, at := range map[string]int{"first byte": 1, "masked block": 40, "padding": 190, "salt": 210, "hash": 230, "last byte": 255, "first of all": 0} {
		changed := bytes.Clone(block)
		changed[at] ^= 1
		out["PS256: "+name+" of the block changed"] = signed + "." + b64(rawRSA(ps, changed))
	}
	return out
}

// signPSS signs with a salt of a length; -2 is none, since 0 is the longest.
func signPSS(t *testing.T, key *rsa.PrivateKey, digest []byte, length int) []byte {
	t.Helper()
	if length != -2 {
		out, err := rsa.SignPSS(rand.Reader, key, crypto.SHA256, digest, &rsa.PSSOptions{SaltLength: length})
		must(t, err)
		return out
	}
	hashed := sha256.Sum256(append(make([]byte, 8), digest...))
	block := make([]byte, 256)
	block[256-1-32-1] = 1
	var counter byte
	for at := 0; at < 223; at += 32 {
		mask := sha256.Sum256(append(hashed[:], 0, 0, 0, counter))
		for i := at; i < min(at+32, 223); i++ {
			block[i] ^= mask[i-at]
		}
		counter++
	}
	block[0] &= 0x7f
	copy(block[223:], hashed[:])
	block[255] = 0xbc
	return []byte(rawRSA(key, block))
}

// rawRSA signs a block as it is.
func rawRSA(key *rsa.PrivateKey, block []byte) string {
	size := (key.N.BitLen() + 7) / 8
	return string(new(big.Int).Exp(new(big.Int).SetBytes(block), key.D, key.N).FillBytes(make([]byte, size)))
}

// paddedInfo is a block of PKCS #1 1.5.
func paddedInfo(key *rsa.PrivateKey, info []byte) []byte {
	size := (key.N.BitLen() + 7) / 8
	return append(append([]byte{0, 1}, append(bytes.Repeat([]byte{0xff}, size-3-len(info)), 0)...), info...)
}

// digestInfos are ways to write what was hashed and how, of which one is right.
func digestInfos(signed string) map[string][]byte {
	digest := sha256.Sum256([]byte(signed))
	hash := hex.EncodeToString(digest[:])
	out := map[string][]byte{}
	for name, text := range map[string]string{
		"good":                              "3031 300d 0609 608648016503040201 0500 0420 HASH",
		"no NULL":                           "302f 300b 0609 608648016503040201 0420 HASH",
		"the hash alone":                    "HASH",
		"OID of SHA-384":                    "3031 300d 0609 608648016503040202 0500 0420 HASH",
		"OID of SHA-1":                      "3029 3005 0605 2b0e03021a 0500 0420 HASH",
		"modified OID":                      "3031 300d 0609 608648016503040203 0500 0420 HASH",
		"longer OID":                        "3032 300e 060a 60864801650304020100 0500 0420 HASH",
		"long form of the length":           "308131 300d 0609 608648016503040201 0500 0420 HASH",
		"leading 0 in the length":           "30820031 300d 0609 608648016503040201 0500 0420 HASH",
		"long form of the inner length":     "3032 30810d 0609 608648016503040201 0500 0420 HASH",
		"length too small":                  "3030 300d 0609 608648016503040201 0500 0420 HASH",
		"length too large":                  "3032 300d 0609 608648016503040201 0500 0420 HASH",
		"length of the hash too small":      "3031 300d 0609 608648016503040201 0500 041f HASH",
		"length of the hash too large":      "3031 300d 0609 608648016503040201 0500 0421 HASH",
		"indefinite length":                 "3080 300d 0609 608648016503040201 0500 0420 HASH 0000",
		"garbage behind":                    "3031 300d 0609 608648016503040201 0500 0420 HASH 0500",
		"zeros behind":                      "3031 300d 0609 608648016503040201 0500 0420 HASH 0000",
		"garbage within":                    "3033 300d 0609 608648016503040201 0500 0420 HASH 0500",
		"garbage in the NULL":               "3033 300f 0609 608648016503040201 05020000 0420 HASH",
		"NULL with a long length":           "3032 300e 0609 608648016503040201 058100 0420 HASH",
		"another tag for NULL":              "3031 300d 0609 608648016503040201 0400 0420 HASH",
		"another tag for the hash":          "3031 300d 0609 608648016503040201 0500 0320 HASH",
		"another tag for the sequence":      "3131 300d 0609 608648016503040201 0500 0420 HASH",
		"hash in a sequence":                "3033 300d 0609 608648016503040201 0500 3022 0420 HASH",
		"empty sequence before":             "3033 3000 300d 0609 608648016503040201 0500 0420 HASH",
		"empty sequence behind":             "3033 300d 0609 608648016503040201 0500 0420 HASH 3000",
		"hash replaced by NULL":             "3011 300d 0609 608648016503040201 0500 0500",
		"hash composed of two":              "3035 300d 0609 608648016503040201 0500 2424 0410 HALF1 0410 HALF2",
		"truncated hash":                    "3021 300d 0609 608648016503040201 0500 0410 HALF1",
		"zeros before the hash":             "3033 300d 0609 608648016503040201 0500 0422 0000 HASH",
		"first byte of the hash modified":   "3031 300d 0609 608648016503040201 0500 0420 FLIP",
		"no sequence":                       "300d 0609 608648016503040201 0500 0420 HASH",
		"sequence in a sequence":            "3033 3031 300d 0609 608648016503040201 0500 0420 HASH",
		"nothing":                           "",
		"integer that is too large for OID": "3038 3014 0610 608648016503048280808080808080000102 0500 0420 HASH",
	} {
		flip := []byte(hash)
		flip[0] ^= 1
		if strings.ContainsRune(":`g", rune(flip[0])) {
			flip[0] = '0'
		}
		text = strings.NewReplacer("HASH", hash, "HALF1", hash[:32], "HALF2", hash[32:], "FLIP", string(flip), " ", "").Replace(text)
		info, err := hex.DecodeString(text)
		if err != nil {
			panic(name + ": " + err.Error())
		}
		out[name] = info
	}
	return out
}

// blocks are ways to pad it, all wrong.
func blocks(key *rsa.PrivateKey, info []byte) map[string][]byte {
	out := map[string][]byte{}
	change := func(name string, f func(block []byte)) {
		block := paddedInfo(key, info)
		f(block)
		out[name] = block
	}
	change("padding of type 2", func(b []byte) { b[1] = 2 })
	change("padding of type 0", func(b []byte) { b[1] = 0 })
	change("zero in the padding", func(b []byte) { b[20] = 0 })
	change("other padding", func(b []byte) { b[20] = 0xfe })
	change("no zero behind the padding", func(b []byte) { b[len(b)-len(info)-1] = 0xff })
	short := append(append([]byte{0, 1}, append(bytes.Repeat([]byte{0xff}, 8), 0)...), info...)
	out["short padding, garbage behind"] = append(short, make([]byte, 256-len(short))...)
	return out
}
