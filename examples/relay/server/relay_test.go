package main

import "testing"

// RFC 4231, test case 2.
func TestASignatureIsAnHMAC(t *testing.T) {
	got := sign("Jefe", []byte("what do ya want for nothing?"))
	want := "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
	if got != want {
		t.Errorf("%s, not %s", got, want)
	}
}
