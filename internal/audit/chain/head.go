package chain

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/portreeve/portreeve/internal/audit"
)

// maxHead bounds the file of a head.
const maxHead = 4 << 10

// Head says where a record stood at a time. It is the details of audit.ChainSigned, and what FILE.head holds.
type Head struct {
	audit.Place
	Time time.Time `json:"time"`
	// Key is the beginning of the SHA-256 of the public key, and Signature the ed25519 signature in base64. Both are empty
	// where there is no key.
	Key       string `json:"key,omitempty"`
	Signature string `json:"signature,omitempty"`
}

// newHead returns the head at a place, signed where there is a key.
func newHead(key ed25519.PrivateKey, p audit.Place, now time.Time) Head {
	h := Head{Place: p, Time: now.UTC()}
	if key != nil {
		h.Key = KeyID(key.Public().(ed25519.PublicKey))
		h.Signature = base64.StdEncoding.EncodeToString(ed25519.Sign(key, h.signed()))
	}
	return h
}

// KeyID names a public key: the first half of its SHA-256.
func KeyID(key ed25519.PublicKey) string {
	sum := sha256.Sum256(key)
	return hex.EncodeToString(sum[:16])
}

// signed is what is signed. It can be nothing else that is ever signed by such a key: it says what it is.
func (h Head) signed() []byte {
	return fmt.Appendf(nil, "portreeve audit head 1\n%d\n%s\n%s\n", h.Seq, h.Hash, h.Time.UTC().Format(time.RFC3339Nano))
}

// check says what is wrong with a signature. It fails closed: what is not signed by one of the keys is not good.
func (h Head) check(keys []ed25519.PublicKey) error {
	if h.Signature == "" {
		return errors.New("it is not signed")
	}
	signature, err := base64.StdEncoding.DecodeString(h.Signature)
	if err != nil {
		return fmt.Errorf("its signature is no base64: %w", err)
	}
	known := false
	for _, k := range keys {
		if KeyID(k) != h.Key {
			continue
		}
		if known = true; ed25519.Verify(k, h.signed(), signature) {
			return nil
		}
	}
	if !known {
		return fmt.Errorf("it is signed by another key, %q", h.Key)
	}
	return errors.New("its signature is wrong")
}

// readHead returns the head in a file, whose signature is not checked.
func readHead(path string) (Head, error) {
	f, err := openRegular(path)
	if err != nil {
		return Head{}, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxHead))
	if err != nil {
		return Head{}, err
	}
	var h Head
	if err := json.Unmarshal(text, &h); err != nil {
		return Head{}, fmt.Errorf("it is no head of a record: %w", err)
	}
	return h, nil
}

// write puts a head in place of the one that is there; after a crash there is one of both.
func (h Head) write(path string) error {
	text, err := json.Marshal(h)
	if err != nil {
		return err
	}
	unfinished := path + ".tmp"
	f, err := os.OpenFile(unfinished, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(text, '\n'))
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(unfinished, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// syncDir has the names of a directory on disk.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
