package role

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"

	"github.com/alexedwards/argon2id"
)

// The bounds of a hash that is read: each verification costs what its parameters say. There is a least too: a short key
// proves little, and of one without any the library panics, as it does of no time and no threads.
const (
	maxHashMemory  = 256 << 10 // KiB
	maxHashTime    = 10
	maxHashThreads = 16
	minHashSalt    = 8
	minHashKey     = 16
	maxHashText    = 512
)

// secretBytes are those of a token, from the system's source of random bytes.
const secretBytes = 32

// cost is that of the hashes that are made here: what OWASP asks of passwords, in little memory.
func cost() *argon2id.Params {
	return &argon2id.Params{Memory: 19 << 10, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}
}

// Token is a bearer token that was just made. Its secret is nowhere else.
type Token struct {
	// Name and Secret make the token: NAME.SECRET.
	Name, Secret string
	// Hash is what the file of roles holds.
	Hash string
}

// String returns the token as it is shown to the admin interface.
func (t Token) String() string { return t.Name + "." + t.Secret }

// NewToken makes a token. An error says what is wrong with the name.
func NewToken(name string) (Token, error) {
	if !nameForm().MatchString(name) {
		return Token{}, errName
	}
	secret := make([]byte, secretBytes)
	if _, err := rand.Read(secret); err != nil {
		return Token{}, fmt.Errorf("make a secret: %w", err)
	}
	t := Token{Name: name, Secret: base64.RawURLEncoding.EncodeToString(secret)}
	var err error
	if t.Hash, err = argon2id.CreateHash(t.String(), cost()); err != nil {
		return Token{}, fmt.Errorf("hash the token: %w", err)
	}
	return t, nil
}

// nameForm is that of the name of a token, which a dot ends.
func nameForm() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$`) }

var errName = errors.New("a token's name has up to 63 letters, digits, - and _, and begins with a letter or a digit")

// checkHash returns what is wrong with a hash. It does not say what stands there: it may be the token itself.
func checkHash(hash string) error {
	wanted := errors.New("want what portreeve admin-token prints: $argon2id$v=19$m=…,t=…,p=…$SALT$KEY")
	if len(hash) > maxHashText {
		return wanted
	}
	params, salt, key, err := argon2id.DecodeHash(hash)
	switch {
	case err != nil:
		return wanted
	case params.Memory < 8 || params.Memory > maxHashMemory || params.Iterations < 1 || params.Iterations > maxHashTime || params.Parallelism < 1 || params.Parallelism > maxHashThreads:
		return fmt.Errorf("the hash costs too much or nothing: want m of at most %d, t of at most %d, p of at most %d, and 1 at least of each", maxHashMemory, maxHashTime, maxHashThreads)
	case len(salt) < minHashSalt || len(key) < minHashKey:
		return fmt.Errorf("the salt has %d bytes and the key %d: want %d and %d at least", len(salt), len(key), minHashSalt, minHashKey)
	default:
		return nil
	}
}
