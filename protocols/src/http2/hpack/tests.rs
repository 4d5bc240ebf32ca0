//! The RFC's examples; in `stories`, real header lists by four encoders, joined at every block.

mod stories;

use super::*;

const LIMIT: usize = 64 << 10;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// One field a line, `?` for what is not known.
fn render(list: &FieldList) -> String {
    let line =
        |field: &Field| format!("{}: {}", field.name.known().unwrap_or("?"), field.value.as_deref().unwrap_or("?"));
    list.fields.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn check(decoder: &mut Decoder, block: &str, expected: &str) {
    let list = decoder.decode(&hex(block), LIMIT).unwrap();
    let expected: Vec<&str> = expected.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    assert_eq!(render(&list), expected.join("\n"));
}

#[test]
fn requests_of_the_rfc() {
    // RFC 7541, C.4.
    let mut decoder = Decoder::new();
    check(
        &mut decoder,
        "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
        ":method: GET
        :scheme: http
        :path: /
        :authority: www.example.com",
    );
    check(
        &mut decoder,
        "8286 84be 5886 a8eb 1064 9cbf",
        ":method: GET
        :scheme: http
        :path: /
        :authority: www.example.com
        cache-control: no-cache",
    );
    check(
        &mut decoder,
        "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
        ":method: GET
        :scheme: https
        :path: /index.html
        :authority: www.example.com
        custom-key: custom-value",
    );
    assert!(decoder.is_complete());
}

#[test]
fn responses_with_eviction() {
    // RFC 7541, C.5, with the table's size of 256 said in a size update.
    let mut decoder = Decoder::new();
    check(
        &mut decoder,
        "3fe101 4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032
        303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        ":status: 302
        cache-control: private
        date: Mon, 21 Oct 2013 20:13:21 GMT
        location: https://www.example.com",
    );
    check(
        &mut decoder,
        "4803 3330 37c1 c0bf",
        ":status: 307
        cache-control: private
        date: Mon, 21 Oct 2013 20:13:21 GMT
        location: https://www.example.com",
    );
    // The entry `:status: 302` has been evicted.
    assert_eq!(decoder.clone().decode(&[0xc2], LIMIT), Err(Invalid::Index));
    check(
        &mut decoder,
        "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a
        6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61
        6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31",
        ":status: 200
        cache-control: private
        date: Mon, 21 Oct 2013 20:13:22 GMT
        location: https://www.example.com
        content-encoding: gzip
        set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
    );
}

#[test]
fn joined_in_the_middle() {
    let mut decoder = Decoder::joined();
    // 62 is from before; a literal that takes its name from it has a value but no name.
    check(
        &mut decoder,
        "be 7e0161",
        "?: ?
        ?: a",
    );
    // The same entries, one further on.
    check(
        &mut decoder,
        "bf be",
        "?: ?
        ?: a",
    );
    let Name::Before(id) = decoder.decode(&[0xbe], LIMIT).unwrap().fields[0].name.clone() else { panic!("known") };
    decoder.reveal(id, &Arc::from("x-tenant"));
    check(
        &mut decoder,
        "bf be",
        "x-tenant: ?
        x-tenant: a",
    );
    // And what is inserted under that name from here on.
    check(
        &mut decoder,
        "7f0001 62 be",
        "x-tenant: b
        x-tenant: b",
    );
}

#[test]
fn a_contradiction_forgets() {
    let mut decoder = Decoder::joined();
    let Name::Before(id) = decoder.decode(&hex("7e0161"), LIMIT).unwrap().fields[0].name.clone() else {
        panic!("known")
    };
    decoder.reveal(id, &Arc::from("a"));
    decoder.reveal(id, &Arc::from("b"));
    check(&mut decoder, "be", "?: ?");
}

#[test]
fn lost_blocks_make_ids_new() {
    let mut decoder = Decoder::new();
    check(&mut decoder, "4001 6101 62", "a: b");
    decoder.forget();
    let before = decoder.decode(&[0xbe], LIMIT).unwrap();
    assert_eq!(render(&before), "?: ?");
    decoder.forget();
    assert_ne!(before, decoder.decode(&[0xbe], LIMIT).unwrap());
}

#[test]
fn complete_again() {
    // A size update to 0: nothing from before is left.
    let mut decoder = Decoder::joined();
    check(&mut decoder, "20 3fe11f 4001 6101 62", "a: b");
    assert!(decoder.is_complete());
    assert_eq!(decoder.decode(&[0xbf], LIMIT), Err(Invalid::Index));
    // A table of 96 bytes: two entries of 34 leave no room for a third.
    let mut decoder = Decoder::joined();
    check(&mut decoder, "3f41 4001 6101 62", "a: b");
    assert!(!decoder.is_complete());
    check(&mut decoder, "4001 6101 63", "a: c");
    assert!(decoder.is_complete());
    // An entry that is larger than the table empties it.
    let mut decoder = Decoder::joined();
    check(&mut decoder, "22 4001 6101 62", "a: b");
    assert!(decoder.is_complete());
    // An old entry that cannot have had room.
    let mut decoder = Decoder::joined();
    assert_eq!(decoder.decode(&hex("3f21 c1"), LIMIT), Err(Invalid::Index), "a fourth entry in 64 bytes");
}

#[test]
fn blocks_that_are_wrong() {
    for (block, error) in [
        ("80", Invalid::Index),
        ("be", Invalid::Index),
        ("82 20", Invalid::SizeUpdate),
        ("41", Invalid::Cut),
        ("4001", Invalid::Cut),
        ("00 81ff 00", Invalid::Huffman),
        ("ff ffffffffff", Invalid::Integer),
    ] {
        let mut decoder = Decoder::new();
        assert_eq!(decoder.decode(&hex(block), LIMIT), Err(error), "{block}");
        assert!(!decoder.is_complete(), "what follows an error is not trusted");
    }
    assert_eq!(Decoder::joined().decode(&hex("ff ff ff 7f"), LIMIT), Err(Invalid::Index), "beyond any table");
}

#[test]
fn odd_octets_keep_their_length() {
    // A name of two octets that are not UTF-8 and a value of 4 KiB less 34: exactly the table's size.
    let mut block = hex("4002 ffff 7f df1e");
    block.extend(std::iter::repeat_n(b'v', 4062));
    let mut decoder = Decoder::new();
    assert_eq!(decoder.decode(&block, LIMIT).unwrap().fields[0].name.known(), Some("??"));
    assert_eq!(decoder.decode(&[0xbe], LIMIT).unwrap().fields.len(), 1);
}

#[test]
fn bombs_are_bounded() {
    // One entry of almost 4 KiB, then 64 KiB of references to it: 256 MiB if they were all kept.
    let mut block = hex("4001 61 7f da1e");
    block.extend(std::iter::repeat_n(b'v', 4057));
    let mut decoder = Decoder::new();
    decoder.decode(&block, LIMIT).unwrap();
    let list = decoder.decode(&vec![0xbe; 64 << 10], LIMIT).unwrap();
    assert!(list.cut);
    assert_eq!(list.fields.len(), LIMIT / (4057 + 1 + 32));
    assert!(decoder.memory() < 16 << 10);
    // Nor does a table of unknown or enormous size grow without end.
    for start in ["", "3fe1ffff7f"] {
        let mut decoder = Decoder::joined();
        decoder.decode(&hex(start), LIMIT).unwrap();
        for _ in 0..1000 {
            decoder.decode(&block, LIMIT).unwrap();
        }
        assert!(decoder.memory() < 300 << 10, "{} bytes", decoder.memory());
        assert!(!decoder.is_complete());
    }
}
