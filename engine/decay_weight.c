// Weights that halve. See decay_weight.h.
//
// 2^(f / 2^64) with f = i 2^59 + j 2^54 + k 2^49 + r, r < 2^49, is the product of 2^(i / 2^5), 2^(j / 2^10),
// 2^(k / 2^15) from tables and 2^(r / 2^64) by a polynomial of degree 5. It is computed with 127 bits after
// the point; every step rounds down, so the true value lies above, by less than (in units of 2^-127)
//
//   1 after the first table; each further factor multiplies that by less than 1.03 and adds less than 1 for
//   its own error (2^-128, times a product below 2) and 1 for rounding the product: 5.1 after the third;
//   the polynomial is too small by less than r^6 (ln 2)^6 / 720 1.0001 < 2^-102.6 for what is left out and
//   3 2^-128 for rounding: 2^25.5 after it.
//
// So where the 64 bits below the integer are less than 2^64 - 2^26, they carry nothing, and the integer is
// the floor. One fraction in 2^38 is not so: MPFR decides it, with ever more bits. (2^(f / 2^64) is
// irrational but for f = 0, where the table is exact.)

#include "engine/decay_weight.h"

#include <mpfr.h>

__extension__ typedef unsigned __int128 uint128;

#define ERROR_BELOW     (UINT64_C(1) << 26)
#define WIDE(high, low) ((uint128)UINT64_C(high) << 64 | UINT64_C(low))

static const uint128 fifths[32] = {
    // floor(2^(i / 2^5) 2^127)
    WIDE(0x8000000000000000, 0x0000000000000000), WIDE(0x82cd8698ac2ba1d7, 0x3e2a475b46520bff),
    WIDE(0x85aac367cc487b14, 0xc5c95b8c2154c1b2), WIDE(0x88980e8092da8527, 0x5df8d76c98c67562),
    WIDE(0x8b95c1e3ea8bd6e6, 0xfbe4628758a53c90), WIDE(0x8ea4398b45cd53c0, 0x2dc0144c8783d4c5),
    WIDE(0x91c3d373ab11c336, 0x0fd6d8e0ae5ac9d8), WIDE(0x94f4efa8fef70961, 0x2e8afad12551de54),
    WIDE(0x9837f0518db8a96f, 0x46ad23182e42f6f6), WIDE(0x9b8d39b9d54e5538, 0xa2a817a2a3cc3f1f),
    WIDE(0x9ef5326091a111ad, 0xa0911f09ebb9fdd1), WIDE(0xa27043030c496818, 0x9b7a04ef80cfdea7),
    WIDE(0xa5fed6a9b15138ea, 0x1cbd7f621710701b), WIDE(0xa9a15ab4ea7c0ef8, 0x541e24ec3531fa73),
    WIDE(0xad583eea42a14ac6, 0x4980a8c8f59a2ec4), WIDE(0xb123f581d2ac258f, 0x87d037e96d215d8e),
    WIDE(0xb504f333f9de6484, 0x597d89b3754abe9f), WIDE(0xb8fbaf4762fb9ee9, 0x1b879778566b65a1),
    WIDE(0xbd08a39f580c36be, 0xa8811fb66d0faf7a), WIDE(0xc12c4cca66709456, 0x7c457d59a50087b5),
    WIDE(0xc5672a115506dadd, 0x3e2ad0c964dd9f37), WIDE(0xc9b9bd866e2f27a2, 0x80e1f92a0511697e),
    WIDE(0xce248c151f8480e3, 0xe235838f95f2c6ed), WIDE(0xd2a81d91f12ae45a, 0x12248e57c3de4028),
    WIDE(0xd744fccad69d6af4, 0x39a68bb9902d3fde), WIDE(0xdbfbb797daf23755, 0x3d840d5a9e29aa64),
    WIDE(0xe0ccdeec2a94e111, 0x065895048dd333ca), WIDE(0xe5b906e77c8348a8, 0x1e5e8f4a4edbb0ec),
    WIDE(0xeac0c6e7dd24392e, 0xd02d75b3706e54fa), WIDE(0xefe4b99bdcdaf5cb, 0x46561cf6948db912),
    WIDE(0xf5257d152486cc2c, 0x7b9d0c7aed980fc3), WIDE(0xfa83b2db722a033a, 0x7c25bb14315d7fcc),
};

static const uint128 tenths[32] = {
    // floor((2^(i / 2^10) - 1) 2^128)
    WIDE(0x0000000000000000, 0x0000000000000000), WIDE(0x002c605e2e8cec50, 0x6d21bfc89a23a010),
    WIDE(0x0058c86da1c09ea1, 0xff19d294cf2f679c), WIDE(0x0085382faef831da, 0x93f90835f753878b),
    WIDE(0x00b1afa5abcbed61, 0x29ab13ec11dc9544), WIDE(0x00de2ed0ee0f4f5f, 0xca9d8bf2cdd630e4),
    WIDE(0x010ab5b2cbd11707, 0x41981493821d4cd5), WIDE(0x0137444c9b5b4ed4, 0x95149e8976e07b6c),
    WIDE(0x0163da9fb33356d8, 0x4a66ae336dcdfa40), WIDE(0x019078ad6a19eeff, 0x7100aebd406a9182),
    WIDE(0x01bd1e77170b415e, 0x7626621eb5aaff61), WIDE(0x01e9cbfe113eec7d, 0xc15b8c815954d615),
    WIDE(0x02168143b0280da8, 0x19de0756294cca9f), WIDE(0x02433e494b754b3a, 0xd57a761d5738e08f),
    WIDE(0x027003103b10def7, 0xd10ae49e2826250d), WIDE(0x029ccf99d720a059, 0x32eea40b289d5b88),
    WIDE(0x02c9a3e778060ee6, 0xf7caca4f7a29bde9), WIDE(0x02f67ffa765e5c8e, 0x49e2c484f032786d),
    WIDE(0x032363d42b0277fa, 0xa3587b580594a00f), WIDE(0x03504f75ef0716f0, 0xbba395e66b11e5a5),
    WIDE(0x037d42e11bbcc0ab, 0x408f756f08d22627), WIDE(0x03aa3e170aafd839, 0x5b0f91f6cb4d3278),
    WIDE(0x03d7411915a8a6df, 0x0039edd47660d1e6), WIDE(0x04044be896ab6677, 0x0eb763e700873fdc),
    WIDE(0x04315e86e7f84bd7, 0x38f9a20da47e6ed0), WIDE(0x045e78f5640b9135, 0xbc86af4ee9a27ab8),
    WIDE(0x048b9b35659d8090, 0xe6a9eaf45b304922), WIDE(0x04b8c54847a27e18, 0x66da7fbb8502cb5a),
    WIDE(0x04e5f72f654b1298, 0x6f27541a119031f6), WIDE(0x051330ec1a03f5e6, 0xa2f88e72915f3417),
    WIDE(0x0540727fc1761950, 0xd476d1f98849ff3d), WIDE(0x056dbbebb786b20d, 0x90e866eed9172eb7),
};

static const uint128 fifteenths[32] = {
    // floor((2^(i / 2^15) - 1) 2^128)
    WIDE(0x0000000000000000, 0x0000000000000000), WIDE(0x000162e525ee0547, 0x54457d5995292026),
    WIDE(0x0002c5cc37da9491, 0xd0985c348c68e7b3), WIDE(0x000428b535c857ed, 0xd367a9820c850d03),
    WIDE(0x00058ba01fb9f96d, 0x6cacd4b180917c3e), WIDE(0x0006ee8cf5b22326, 0x5df0ce8051052f23),
    WIDE(0x0008517bb7b37f32, 0x1a5127d0b5ff94c8), WIDE(0x0009b46c65c0b7ad, 0xc6853087a2c86081),
    WIDE(0x000b175effdc76ba, 0x38e31671ca939726), WIDE(0x000c7a538609667b, 0xf965042fbe93b210),
    WIDE(0x000ddd49f84a311b, 0x41ae40292563af13), WIDE(0x000f404256a180c3, 0xfd104b870bd2e4f0),
    WIDE(0x0010a33ca111ffa5, 0xc89001354f1c739a), WIDE(0x00120638d79e57f3, 0xf2eab4eb209427ee),
    WIDE(0x00136936fa4933e5, 0x7c9b523aa2d2aa50), WIDE(0x0014cc3709153db5, 0x17df7ba7a06acfe0),
    WIDE(0x00162f3904051fa1, 0x28bca9c55c31e5e0), WIDE(0x0017923ceb1b83eb, 0xc5054a5b7b24cf14),
    WIDE(0x0018f542be5b14da, 0xb45ddf9207f3cad5), WIDE(0x001a584a7dc67cb7, 0x70421f24903ebdae),
    WIDE(0x001bbb54296065cf, 0x240a119c5b8bd365), WIDE(0x001d1e5fc12b7a72, 0xacef3191bc025267),
    WIDE(0x001e816d452a64f6, 0x9a118af478f3787c), WIDE(0x001fe47cb55fcfb3, 0x2c7cda5b533b38eb),
    WIDE(0x0021478e11ce6504, 0x572dac5aa382b40e), WIDE(0x0022aaa15a78cf49, 0xbf167ce2126e4087),
    WIDE(0x00240db68f61b8e6, 0xbb24d6a16ac0de44), WIDE(0x002570cdb08bcc42, 0x54467274857eeb9b),
    WIDE(0x0026d3e6bdf9b3c7, 0x456e56d65019f4c1), WIDE(0x00283701b7ae19e3, 0xfb99f75aecaf75fa),
    WIDE(0x00299a1e9daba90a, 0x95d65430ec6468f9), WIDE(0x002afd3d6ff50bb0, 0xe54519a9a3e775d1),
};

static const uint128 coefficients[5] = {
    // floor((ln 2)^(i + 1) / (i + 1)! 2^128)
    WIDE(0xb17217f7d1cf79ab, 0xc9e3b39803f2f6af), WIDE(0x3d7f7bff058b1d50, 0xde2d60dd92e6bf95),
    WIDE(0x0e35846b82505fc5, 0x99d3b15d995e96f7), WIDE(0x0276556df749cee5, 0x39977c16a7dd58a0),
    WIDE(0x005761ff9e299cc4, 0x41c5fda69452fb0c),
};

// floor(a b / 2^128)
static inline uint128 high_product(uint128 a, uint128 b)
{
    const uint64_t a0 = (uint64_t)a, a1 = (uint64_t)(a >> 64), b0 = (uint64_t)b, b1 = (uint64_t)(b >> 64);
    const uint128 first = (uint128)a1 * b0 + (uint64_t)((uint128)a0 * b0 >> 64);
    const uint128 second = (uint128)a0 * b1 + (uint64_t)first;
    return (uint128)a1 * b1 + (uint64_t)(first >> 64) + (uint64_t)(second >> 64);
}

// floor(a b / 2^64), of a b < 2^192
static inline uint128 scaled(uint128 a, uint64_t b)
{
    return (uint128)(uint64_t)(a >> 64) * b + (uint64_t)((uint128)(uint64_t)a * b >> 64);
}

bool ss_decay_power_fast(uint64_t fraction, uint64_t *power)
{
    const uint64_t rest = fraction & ((UINT64_C(1) << 49) - 1);
    uint128 excess = coefficients[4];
    for (int i = 3; i >= 0; i--) excess = coefficients[i] + scaled(excess, rest);
    excess = scaled(excess, rest);
    uint128 value = fifths[fraction >> 59];
    value += high_product(value, tenths[fraction >> 54 & 31]);
    value += high_product(value, fifteenths[fraction >> 49 & 31]);
    value += high_product(value, excess);
    *power = (uint64_t)(value >> 64);
    return fraction == 0 || (uint64_t)value < 0 - ERROR_BELOW;
}

uint64_t ss_decay_power_exact(uint64_t fraction)
{
    uint64_t power = UINT64_C(1) << 63;
    bool is_decided = fraction == 0;
    for (mpfr_prec_t bits = 128; !is_decided; bits *= 2) {
        mpfr_t below, above;
        mpfr_inits2(bits, below, above, (mpfr_ptr)0);
        mpfr_set_ui_2exp(below, fraction, -64, MPFR_RNDN);
        mpfr_add_ui(below, below, 63, MPFR_RNDN); // 70 bits: exact
        mpfr_exp2(above, below, MPFR_RNDU);
        mpfr_exp2(below, below, MPFR_RNDD);
        power = mpfr_get_ui(below, MPFR_RNDD);
        is_decided = power == mpfr_get_ui(above, MPFR_RNDD);
        mpfr_clears(below, above, (mpfr_ptr)0);
    }
    mpfr_free_cache();
    return power;
}

uint64_t ss_decay_power(uint64_t fraction)
{
    uint64_t power;
    return ss_decay_power_fast(fraction, &power) ? power : ss_decay_power_exact(fraction);
}

struct ss_decay_weight ss_decay_weight(int64_t u, int64_t half_life_us)
{
    int64_t halves = u / half_life_us, rest = u % half_life_us;
    if (rest < 0) {
        rest += half_life_us;
        halves--;
    }
    const uint64_t fraction = (uint64_t)(((uint128)(uint64_t)rest << 64) / (uint64_t)half_life_us);
    return (struct ss_decay_weight){ss_decay_power(fraction), halves};
}
